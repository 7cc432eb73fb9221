// What a failed call of a GpuApi becomes for a user: the cause, and what to do about it.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

// "12.4" for 12040.
std::string cuda_version_text(int32_t version);

// "cuda:1 (NVIDIA T4, compute capability 7.5)"; without `info` "cuda:1".
std::string device_text(int32_t index, const GpuDeviceInfo* info);

// Of a driver that is missing or older than the plugin needs; ok for any other.
Status driver_status(const GpuVersions& versions);

// Of a GPU that the plugin has no code for.
Status old_architecture_status(const std::string& device);

// Of a call on a device that did not give gpu_ok. `doing` says what for, such as "copying weights". To be asked on the
// thread that called, before its next call. no_memory where memory was short, device_lost,
// else device.
Status gpu_status(const GpuApi& api, GpuResult result, const std::string& device, const std::string& doing);

}  // namespace ipa::gpu
