#include "binding/cuda_calls.h"

#include <string>

#include "binding/calls.h"
#include "binding/values.h"
#include "cuda/backend/gpu_status.h"
#include "cuda/loader/plugin_library.h"
#include "cuda/loader/probe.h"
#include "cuda/loader/use_plugin.h"

namespace ipa::binding {
namespace {

Napi::Object device_to_js(Napi::Env env, const gpu::ProbedDevice& device) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", device.info.name);
  object.Set("major", device.info.major);
  object.Set("minor", device.info.minor);
  object.Set("memoryBytes", static_cast<double>(device.info.memory_bytes));
  if (!device.problem.ok()) object.Set("problem", device.problem.text());
  return object;
}

Napi::Object probe_to_js(Napi::Env env, const gpu::GpuProbe& probe) {
  Napi::Object object = probe.status.ok() ? Napi::Object::New(env) : error_object(env, probe.status);
  object.Set("ok", probe.status.ok());
  if (probe.versions.driver > 0) object.Set("driver", gpu::cuda_version_text(probe.versions.driver));
  Napi::Array devices = Napi::Array::New(env, probe.devices.size());
  for (size_t i = 0; i < probe.devices.size(); ++i)
    devices.Set(static_cast<uint32_t>(i), device_to_js(env, probe.devices[i]));
  object.Set("devices", devices);
  return object;
}

// A plugin that does not open is an answer, too.
gpu::GpuProbe probe_file(const std::string& file) {
  const Result<const GpuApi*> api = gpu::open_plugin(file);
  if (api.ok()) return gpu::probe_gpus(*api.value());
  gpu::GpuProbe probe;
  probe.status = api.status();
  return probe;
}

Napi::Value probe_cuda_call(const Napi::CallbackInfo& info) {
  const std::string file = text_argument(info, 0);
  return in_background(
      info.Env(), function_argument(info, 1),
      [file](AsyncJob&) { return Result<gpu::GpuProbe>(probe_file(file)); }, probe_to_js);
}

Napi::Value use_cuda_call(const Napi::CallbackInfo& info) {
  const std::string file = text_argument(info, 0);
  return in_background(
      info.Env(), function_argument(info, 1),
      [file](AsyncJob&) -> Result<Nothing> {
        IPA_TRY(gpu::use_plugin(file));
        return Nothing();
      },
      nothing_to_js);
}

}  // namespace

void define_cuda_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("probeCuda", Napi::Function::New(env, probe_cuda_call, "probeCuda"));
  exports.Set("useCuda", Napi::Function::New(env, use_cuda_call, "useCuda"));
}

}  // namespace ipa::binding
