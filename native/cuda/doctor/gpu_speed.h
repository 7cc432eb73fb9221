// What a GPU could do at best.
#pragma once

#include "base/status.h"
#include "cuda/backend/gpu_device.h"

namespace ipa::gpu {

// Operations a second of dense products in 16 bits with sums in f32, as NVIDIA's data sheet has it for the GPU of that name and number of
// multiprocessors; 0: not in the table.
double stated_peak(const GpuDeviceInfo& info);

// Bytes a second that a copy within the device's memory reads and writes together: the best of a few, of `bytes` each.
Result<double> measured_bandwidth(const GpuDevice& device, uint64_t bytes);

}  // namespace ipa::gpu
