// What the handles of gpu_api.h are here. Each knows its device: the device of CUDA's calls is the calling thread's, and any
// thread may call.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <new>

#include "cuda/plugin/failure.h"

struct GpuQueue {
  int device = 0;
  cudaStream_t stream = nullptr;
};

struct GpuEvent {
  int device = 0;
  cudaEvent_t event = nullptr;
};

struct GpuGraph {
  int device = 0;
  cudaGraphExec_t executable = nullptr;
};

namespace ipa::gpu::plugin {

// Empty where the host has no memory left: no exception may leave the plugin.
template <class Handle>
std::unique_ptr<Handle> make_handle(int device) {
  std::unique_ptr<Handle> handle(new (std::nothrow) Handle);
  if (handle) handle->device = device;
  return handle;
}

inline GpuResult no_host_memory() { return failed(gpu_no_memory, "the host has no memory left"); }

}  // namespace ipa::gpu::plugin
