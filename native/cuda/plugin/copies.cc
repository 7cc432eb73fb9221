#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {

GpuResult copy_in(GpuQueue* queue, void* device, const void* pinned, uint64_t bytes) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, queue->stream));
  return gpu_ok;
}

GpuResult copy_out(GpuQueue* queue, void* pinned, const void* device, uint64_t bytes) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMemcpyAsync(pinned, device, bytes, cudaMemcpyDeviceToHost, queue->stream));
  return gpu_ok;
}

GpuResult copy_within(GpuQueue* queue, void* to, const void* from, uint64_t bytes) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, queue->stream));
  return gpu_ok;
}

GpuResult fill_zero(GpuQueue* queue, void* device, uint64_t bytes) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMemsetAsync(device, 0, bytes, queue->stream));
  return gpu_ok;
}

}  // namespace ipa::gpu::plugin
