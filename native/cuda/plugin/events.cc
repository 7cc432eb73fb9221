#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {

GpuResult event_create(GpuQueue* queue, GpuEvent** event) {
  *event = nullptr;
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  std::unique_ptr<GpuEvent> made = make_handle<GpuEvent>(queue->device);
  if (!made) return no_host_memory();
  IPA_CUDA_TRY(cudaEventCreateWithFlags(&made->event, cudaEventBlockingSync));
  *event = made.release();
  return gpu_ok;
}

void event_free(GpuEvent* event) {
  const std::unique_ptr<GpuEvent> freed(event);
  if (!freed || cudaSetDevice(freed->device) != cudaSuccess) return;
  cudaEventDestroy(freed->event);
  cudaGetLastError();
}

GpuResult event_record(GpuQueue* queue, GpuEvent* event) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaEventRecord(event->event, queue->stream));
  return gpu_ok;
}

GpuResult event_wait(GpuEvent* event) {
  IPA_CUDA_TRY(cudaSetDevice(event->device));
  IPA_CUDA_TRY(cudaEventSynchronize(event->event));
  return gpu_ok;
}

GpuResult event_seconds(GpuEvent* from, GpuEvent* to, double* seconds) {
  float milliseconds = 0;
  IPA_CUDA_TRY(cudaSetDevice(from->device));
  IPA_CUDA_TRY(cudaEventElapsedTime(&milliseconds, from->event, to->event));
  *seconds = milliseconds / 1e3;
  return gpu_ok;
}

}  // namespace ipa::gpu::plugin
