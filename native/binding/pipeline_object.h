// NativePipeline of lib/native/contract.ts: an engine as a JS object.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "binding/async_job.h"
#include "pipeline/engine.h"

namespace ipa::binding {

class PipelineObject : public Napi::ObjectWrap<PipelineObject> {
 public:
  static void define(Napi::Env env);
  // Wraps a loaded engine. On the JS thread.
  static Napi::Object create(Napi::Env env, std::shared_ptr<Engine> engine);

  // Throws a TypeError unless create() called it.
  explicit PipelineObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value encode_image(const Napi::CallbackInfo& info);
  Napi::Value encode_prompts(const Napi::CallbackInfo& info);
  Napi::Value estimate_memory(const Napi::CallbackInfo& info);
  Napi::Value set_adapters(const Napi::CallbackInfo& info);
  Napi::Value set_controls(const Napi::CallbackInfo& info);
  Napi::Value set_loras(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value change(Napi::Env env, const Napi::Function& done,
                     std::function<Status(ModelSet&, const CancelFlag*)> work);
  template <class Start>
  Napi::Value start(Napi::Env env, Napi::Function done, Napi::Function progress, Start work);
  void describe(Napi::Env env);
  void forget_memory(Napi::Env env);

  std::shared_ptr<Engine> engine_;
  Napi::ObjectReference description_;
  // Bytes the collector was told of; jobs that change them may end after this object.
  std::shared_ptr<int64_t> accounted_ = std::make_shared<int64_t>(0);
};

}  // namespace ipa::binding
