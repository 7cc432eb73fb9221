// What CUDA's errors become, and the text of a thread's last one.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "cuda/api/gpu_api.h"

namespace ipa::gpu::plugin {

// Remembers the failed call for describe(), and clears CUDA's own note of it: a launch that comes later would find it there
// and take it for its own. `call` may go on behind the function's name: what comes from '(' on is left out.
GpuResult failed(cudaError_t error, const char* call);
// The same for what is no error of CUDA.
GpuResult failed(GpuResult result, const char* text);
void describe(char* text, size_t bytes);

}  // namespace ipa::gpu::plugin

// Leaves the enclosing function with the failure, if the call of CUDA has one.
#define IPA_CUDA_TRY(call)                                                               \
  do {                                                                                   \
    const cudaError_t ipa_error_ = (call);                                               \
    if (ipa_error_ != cudaSuccess) return ::ipa::gpu::plugin::failed(ipa_error_, #call); \
  } while (0)
