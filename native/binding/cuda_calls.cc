#include "binding/cuda_calls.h"

#include <string>

#include "binding/calls.h"
#include "binding/values.h"
#include "cuda/backend/gpu_status.h"
#include "cuda/doctor/check_gpu.h"
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

Napi::Object line_to_js(Napi::Env env, const gpu::CheckLine& line) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("op", line.op);
  object.Set("size", line.size);
  object.Set("type", gpu::check_type_name(line.type));
  object.Set("ok", line.ok);
  if (!line.problem.empty()) object.Set("problem", line.problem);
  object.Set("difference", line.difference);
  object.Set("allowed", line.allowed);
  object.Set("seconds", line.seconds);
  object.Set("flops", line.flops);
  object.Set("bytes", line.bytes);
  object.Set("ofPeak", line.of_peak);
  return object;
}

Napi::Object check_to_js(Napi::Env env, const gpu::GpuCheck& check) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", check.info.name);
  object.Set("major", check.info.major);
  object.Set("minor", check.info.minor);
  object.Set("multiprocessors", check.info.multiprocessors);
  object.Set("memoryBytes", static_cast<double>(check.info.memory_bytes));
  object.Set("driver", gpu::cuda_version_text(check.versions.driver));
  object.Set("peak", check.peak);
  object.Set("bandwidth", check.bandwidth);
  object.Set("checks", check.checks);
  object.Set("failed", check.failed);
  if (!check.stopped.ok()) object.Set("stopped", check.stopped.text());
  return object;
}

Napi::Value check_device_call(const Napi::CallbackInfo& info) {
  const int device = int32_argument(info, 0);
  const bool quick = info[1].ToBoolean();
  return in_background(
      info.Env(), function_argument(info, 3), function_argument(info, 2),
      [device, quick](AsyncJob& job) -> Result<gpu::GpuCheck> {
        const GpuApi* api = gpu::used_plugin();
        if (!api) return Status(Code::internal, "checkDevice before useCuda");
        gpu::GpuCheckWish wish;
        wish.device = device;
        wish.quick = quick;
        wish.cancel = job.cancel_handle().get();
        wish.line = [&job](const gpu::CheckLine& line) {
          job.progress([line](Napi::Env env) -> Napi::Value { return line_to_js(env, line); });
        };
        return gpu::check_gpu(*api, wish);
      },
      check_to_js);
}

}  // namespace

void define_cuda_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("probeCuda", Napi::Function::New(env, probe_cuda_call, "probeCuda"));
  exports.Set("useCuda", Napi::Function::New(env, use_cuda_call, "useCuda"));
  exports.Set("checkDevice", Napi::Function::New(env, check_device_call, "checkDevice"));
}

}  // namespace ipa::binding
