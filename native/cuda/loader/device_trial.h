// A first use of a GPU, small and complete: whether memory, copies and a kernel work there.
#pragma once

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

// Takes 1 MiB of the device, adds numbers there and compares the sums, and gives all back. Takes as long as the first use
// of a device in a process does: up to a second.
Status try_device(const GpuApi& api, int32_t index, const GpuDeviceInfo& info);

}  // namespace ipa::gpu
