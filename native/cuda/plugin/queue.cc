#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {

GpuResult open(int32_t index, GpuQueue** queue) {
  *queue = nullptr;
  std::unique_ptr<GpuQueue> made = make_handle<GpuQueue>(index);
  if (!made) return no_host_memory();
  // The flag has to be there before the device's context is: cudaSetDevice makes that.
  IPA_CUDA_TRY(cudaInitDevice(index, cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid));
  IPA_CUDA_TRY(cudaSetDevice(index));
  // Non-blocking: it does not wait for the default stream, which others in this process may use.
  IPA_CUDA_TRY(cudaStreamCreateWithFlags(&made->stream, cudaStreamNonBlocking));
  *queue = made.release();
  return gpu_ok;
}

void close(GpuQueue* queue) {
  const std::unique_ptr<GpuQueue> closed(queue);
  if (!closed || cudaSetDevice(closed->device) != cudaSuccess) return;
  cudaStreamSynchronize(closed->stream);
  cudaStreamDestroy(closed->stream);
  cudaGetLastError();
}

}  // namespace ipa::gpu::plugin
