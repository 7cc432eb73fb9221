#include "binding/step_exchange.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "binding/values.h"

namespace ipa::binding {
namespace {

struct Exchange {
  std::mutex mutex;
  std::condition_variable replied;
  bool is_replied = false;
  std::vector<float> latents;  // there, and back where they are replaced
};

void reply(Exchange& exchange, const Napi::CallbackInfo& info) {
  std::vector<float> replacement;
  const bool replaces = info.Length() > 0 && info[0].IsTypedArray();
  if (replaces) {
    if (info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      throw Napi::TypeError::New(info.Env(), "latents: expected a Float32Array");
    const auto array = info[0].As<Napi::Float32Array>();
    replacement.assign(array.Data(), array.Data() + array.ElementLength());
  }
  std::lock_guard<std::mutex> lock(exchange.mutex);
  if (exchange.is_replied) return;
  if (replaces) exchange.latents = std::move(replacement);
  exchange.is_replied = true;
  exchange.replied.notify_all();
}

Napi::Value event_to_js(Napi::Env env, const StepEvent& event, const std::shared_ptr<Exchange>& exchange) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("image", event.image);
  object.Set("step", event.step);
  object.Set("steps", event.steps);
  object.Set("timestep", event.timestep);
  object.Set("latents", copy_to_js(env, exchange->latents.data(), exchange->latents.size() * sizeof(float)));
  object.Set("reply",
             Napi::Function::New(
                 env, [exchange](const Napi::CallbackInfo& info) { reply(*exchange, info); }, "reply"));
  return object;
}

}  // namespace

StepFunction step_exchange(const std::shared_ptr<AsyncJob>& job) {
  return [job](const StepEvent& event, std::vector<float>& latents) -> Status {
    // The JS thread may still hold it when the engine has gone on after a cancel.
    const auto exchange = std::make_shared<Exchange>();
    exchange->latents = latents;
    job->progress([event, exchange](Napi::Env env) { return event_to_js(env, event, exchange); });
    // Whoever cancels knows nothing of this wait.
    constexpr std::chrono::milliseconds look(10);
    std::unique_lock<std::mutex> lock(exchange->mutex);
    while (!exchange->is_replied) {
      if (job->cancel_handle()->load()) return Status(Code::cancelled, "the call was cancelled");
      exchange->replied.wait_for(lock, look);
    }
    latents = std::move(exchange->latents);
    return {};
  };
}

}  // namespace ipa::binding
