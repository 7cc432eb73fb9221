#include <type_traits>

#include "cuda/plugin/functions.h"
#include "cuda/plugin/handles.h"

namespace ipa::gpu::plugin {
namespace {

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using Recorded = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph>;

}  // namespace

GpuResult graph_begin(GpuQueue* queue) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  // Other threads may take memory meanwhile, which the other modes refuse.
  IPA_CUDA_TRY(cudaStreamBeginCapture(queue->stream, cudaStreamCaptureModeThreadLocal));
  return gpu_ok;
}

GpuResult graph_end(GpuQueue* queue, GpuGraph** graph) {
  *graph = nullptr;
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  // Always, so that the queue does work again whatever follows.
  cudaGraph_t ended = nullptr;
  const cudaError_t error = cudaStreamEndCapture(queue->stream, &ended);
  const Recorded recorded(ended);
  if (error != cudaSuccess) return failed(error, "cudaStreamEndCapture");
  std::unique_ptr<GpuGraph> made = make_handle<GpuGraph>(queue->device);
  if (!made) return no_host_memory();
  IPA_CUDA_TRY(cudaGraphInstantiate(&made->executable, recorded.get(), 0));
  *graph = made.release();
  return gpu_ok;
}

GpuResult graph_launch(GpuQueue* queue, GpuGraph* graph) {
  IPA_CUDA_TRY(cudaSetDevice(queue->device));
  IPA_CUDA_TRY(cudaGraphLaunch(graph->executable, queue->stream));
  return gpu_ok;
}

// One that still runs is freed by CUDA when it has ended.
void graph_free(GpuGraph* graph) {
  const std::unique_ptr<GpuGraph> freed(graph);
  if (!freed || cudaSetDevice(freed->device) != cudaSuccess) return;
  cudaGraphExecDestroy(freed->executable);
  cudaGetLastError();
}

}  // namespace ipa::gpu::plugin
