#include <algorithm>

#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {
namespace {

// Of nothing CUDA gives no address, which would look like a failure.
uint64_t at_least_one(uint64_t bytes) { return std::max<uint64_t>(bytes, 1); }

}  // namespace

GpuResult memory(GpuQueue* queue, uint64_t* free_bytes, uint64_t* total_bytes) {
  size_t free = 0, total = 0;
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMemGetInfo(&free, &total));
  *free_bytes = free;
  *total_bytes = total;
  return gpu_ok;
}

GpuResult take(GpuQueue* queue, uint64_t bytes, void** address) {
  *address = nullptr;
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaMalloc(address, at_least_one(bytes)));
  return gpu_ok;
}

GpuResult give(GpuQueue* queue, void* address) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaStreamSynchronize(queue->stream));
  IPA_CUDA_TRY(cudaFree(address));
  return gpu_ok;
}

GpuResult take_pinned(GpuQueue* queue, uint64_t bytes, void** address) {
  *address = nullptr;
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaHostAlloc(address, at_least_one(bytes), cudaHostAllocDefault));
  return gpu_ok;
}

GpuResult give_pinned(GpuQueue* queue, void* address) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaStreamSynchronize(queue->stream));
  IPA_CUDA_TRY(cudaFreeHost(address));
  return gpu_ok;
}

}  // namespace ipa::gpu::plugin
