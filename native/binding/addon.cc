// The addon's entry: what lib/native/contract.ts calls NativeAddon.
#include <napi.h>

#include <memory>

#include "base/stay_loaded.h"
#include "base/system_memory.h"
#include "base/version.h"
#include "binding/addon_data.h"
#include "binding/calls.h"
#include "binding/cuda_calls.h"
#include "binding/doctor_calls.h"
#include "binding/file_calls.h"
#include "binding/picture_calls.h"
#include "binding/pipeline_object.h"
#include "binding/requests.h"
#include "binding/values.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/kernels/kernels.h"
#include "cpu/launch/thread_pool.h"
#include "image/clip_preprocess.h"
#include "pipeline/engine.h"
#include "schedulers/torch_noise.h"

namespace ipa::binding {
namespace {

// The plain `{ code, message, option }` object as a thrown value; lib/ turns it into its own error.
[[noreturn]] void throw_status(Napi::Env env, const Status& status) {
  throw Napi::Error(env, error_object(env, status));
}

Napi::Value system_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Result<const Kernels*> kernels = choose_kernels();
  if (!kernels.ok()) throw_status(env, kernels.status());
  std::vector<std::string> isas;
  for (const Kernels* table : runnable_kernels()) isas.push_back(table->isa);
  Napi::Object object = Napi::Object::New(env);
  object.Set("version", NODE_IP_ADAPTER_VERSION);
  object.Set("isa", kernels.value()->isa);
  object.Set("isas", text_array(env, isas));
  object.Set("cpu", cpu_name());
  object.Set("features", text_array(env, cpu_features()));
  object.Set("cores", ThreadPool::hardware_threads());
  object.Set("threads", ThreadPool::shared().planned_size());
  const SystemMemory memory = system_memory();
  object.Set("memoryTotal", static_cast<double>(memory.total));
  object.Set("memoryAvailable", static_cast<double>(memory.available));
  return object;
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  const double threads = number_argument(info, 0);
  if (!(threads >= 1 && threads <= 1024))
    throw Napi::RangeError::New(info.Env(), "threads: expected 1 to 1024");
  // Shrinking waits for the threads to finish what they are at, so it is no work for the JS thread.
  return in_background(
      info.Env(), function_argument(info, 1),
      [threads](AsyncJob&) -> Result<Nothing> {
        ThreadPool::shared().resize(static_cast<int>(threads));
        return Nothing();
      },
      nothing_to_js);
}

Napi::Value load(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<const LoadRequest>(read_load_request(object_argument(info, 0)));
  return in_background(
      info.Env(), function_argument(info, 1),
      [request](AsyncJob& job) -> Result<std::shared_ptr<Engine>> {
        IPA_ASSIGN(std::unique_ptr<ModelSet> models, ModelSet::load(*request, job.cancel_handle().get()));
        EngineLimits limits;
        limits.concurrency = request->concurrency;
        if (request->max_batch > 0) limits.most_copies = request->max_batch;
        return std::make_shared<Engine>(std::move(models), limits);
      },
      PipelineObject::create);
}

Napi::Value clip_resize_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "rgb: expected a Uint8Array");
  const auto rgb = info[0].As<Napi::Uint8Array>();
  const double width = number_argument(info, 1), height = number_argument(info, 2),
               size = number_argument(info, 3);
  for (double side : {width, height, size})
    if (!(side >= 1 && side <= 65536)) throw Napi::RangeError::New(env, "sides: expected 1 to 65536");
  const auto w = static_cast<int64_t>(width), h = static_cast<int64_t>(height);
  if (rgb.ElementLength() != static_cast<size_t>(3 * w * h))
    throw Napi::TypeError::New(env, "rgb: expected 3 * width * height bytes");
  const auto resized = clip_resize(rgb.Data(), w, h, static_cast<int64_t>(size));
  if (!resized.ok()) throw_status(env, resized.status());
  return copy_to_js(env, resized.value().data(), resized.value().size());
}

Napi::Value randn(const Napi::CallbackInfo& info) {
  const double seed = number_argument(info, 0), count = number_argument(info, 1);
  if (!(seed >= 0 && seed <= 9007199254740992.0))
    throw Napi::RangeError::New(info.Env(), "seed: expected 0 to 2^53");
  if (!(count >= 0 && count <= 1 << 28)) throw Napi::RangeError::New(info.Env(), "count: expected 0 to 2^28");
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), static_cast<size_t>(count) * sizeof(float));
  TorchNoise(static_cast<uint64_t>(seed)).fill(static_cast<float*>(buffer.Data()), static_cast<size_t>(count));
  return buffer;
}

Napi::Value fields(const Napi::CallbackInfo& info) { return fields_to_js(info.Env()); }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  env.SetInstanceData(std::make_unique<AddonData>().release());  // freed by the environment
  PipelineObject::define(env);
  define_cuda_calls(env, exports);
  define_doctor_calls(env, exports);
  define_file_calls(env, exports);
  define_picture_calls(env, exports);
  exports.Set("system", Napi::Function::New(env, system_call, "system"));
  exports.Set("setThreads", Napi::Function::New(env, set_threads, "setThreads"));
  exports.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("clipResize", Napi::Function::New(env, clip_resize_call, "clipResize"));
  exports.Set("randn", Napi::Function::New(env, randn, "randn"));
  exports.Set("fields", Napi::Function::New(env, fields, "fields"));
  return exports;
}

}  // namespace
}  // namespace ipa::binding

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return ipa::binding::init(env, exports); }
NODE_API_MODULE(node_ip_adapter, init_addon)
