#include <cstdio>

#include "cuda/kernels/launch.cuh"
#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {

GpuResult launch(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t argument_bytes) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  const cudaError_t error = launch_kernel(kernel, arguments, argument_bytes, queue->stream);
  if (error == cudaSuccess) return gpu_ok;
  char call[32];
  std::snprintf(call, sizeof call, "launch of kernel %d", static_cast<int>(kernel));
  return failed(error, call);
}

}  // namespace ipa::gpu::plugin
