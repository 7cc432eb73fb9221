#include "cuda/loader/probe.h"

#include <string>

#include "cuda/backend/gpu_status.h"
#include "cuda/loader/device_trial.h"

namespace ipa::gpu {
namespace {

// Compute capability 7.5 (Turing): see the targets of tools/build/cuda-flags.mjs.
constexpr int32_t oldest_major = 7, oldest_minor = 5;

bool too_old(const GpuDeviceInfo& info) {
  return info.major < oldest_major || (info.major == oldest_major && info.minor < oldest_minor);
}

ProbedDevice probe_device(const GpuApi& api, int32_t index) {
  ProbedDevice device;
  const GpuResult result = api.device_info(index, &device.info);
  if (result != gpu_ok)
    device.problem = gpu_status(api, result, device_text(index, nullptr), "asking what it is");
  else if (too_old(device.info))
    device.problem = old_architecture_status(device_text(index, &device.info));
  else
    device.problem = try_device(api, index, device.info);
  return device;
}

Status no_gpu(const GpuVersions& versions) {
  return Status(Code::device,
                "the NVIDIA driver (CUDA " + cuda_version_text(versions.driver) +
                    ") sees no GPU: look at what nvidia-smi lists; CUDA_VISIBLE_DEVICES may hide it, and a "
                    "container needs --gpus all; or use device \"cpu\"");
}

Status summary(const GpuProbe& probe) {
  for (const ProbedDevice& device : probe.devices)
    if (device.problem.ok()) return {};
  return probe.devices.front().problem;
}

}  // namespace

GpuProbe probe_gpus(const GpuApi& api) {
  GpuProbe probe;
  probe.status = gpu_status(api, api.versions(&probe.versions), "cuda", "asking for the driver");
  if (probe.status.ok()) probe.status = driver_status(probe.versions);
  if (!probe.status.ok()) return probe;
  int32_t count = 0;
  const GpuResult counted = api.device_count(&count);
  if (counted == gpu_no_device)
    count = 0;
  else
    probe.status = gpu_status(api, counted, "cuda", "counting the GPUs");
  if (probe.status.ok() && count <= 0) probe.status = no_gpu(probe.versions);
  if (!probe.status.ok()) return probe;
  for (int32_t index = 0; index < count; ++index) probe.devices.push_back(probe_device(api, index));
  probe.status = summary(probe);
  return probe;
}

}  // namespace ipa::gpu
