// What a plugin finds on this machine.
#pragma once

#include <vector>

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

struct ProbedDevice {
  GpuDeviceInfo info = {};
  Status problem;  // why it cannot be used
};

struct GpuProbe {
  // Ok where a GPU can be used; otherwise why the first cannot, or why there is none.
  Status status;
  GpuVersions versions = {};
  std::vector<ProbedDevice> devices;  // by index
};

// Asks for driver and devices, and tries each of these (device_trial.h).
GpuProbe probe_gpus(const GpuApi& api);

}  // namespace ipa::gpu
