// "cuda" as a kind of device.
#pragma once

#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

// Makes "cuda" known to Devices::open, on the GPUs of this table, which lives as long as the process. In place of an earlier one.
void register_cuda(const GpuApi& api);

}  // namespace ipa::gpu
