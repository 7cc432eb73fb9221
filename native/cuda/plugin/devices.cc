#include <cstdio>

#include "cuda/plugin/failure.h"
#include "cuda/plugin/functions.h"

namespace ipa::gpu::plugin {

GpuResult versions(GpuVersions* versions) {
  int driver = 0;
  // No answer is none.
  if (cudaDriverGetVersion(&driver) != cudaSuccess) {
    driver = 0;
    cudaGetLastError();
  }
  versions->driver = driver;
  // A driver runs what was built with any toolkit of its major version.
  versions->needed = CUDART_VERSION / 1000 * 1000;
  return gpu_ok;
}

GpuResult device_count(int32_t* count) {
  int found = 0;
  *count = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  // The driver's way to say none.
  if (error == cudaErrorNoDevice) {
    cudaGetLastError();
    return gpu_ok;
  }
  if (error != cudaSuccess) return failed(error, "cudaGetDeviceCount");
  *count = found;
  return gpu_ok;
}

GpuResult device_info(int32_t index, GpuDeviceInfo* info) {
  cudaDeviceProp found;
  IPA_CUDA_TRY(cudaGetDeviceProperties(&found, index));
  *info = {};
  std::snprintf(info->name, sizeof info->name, "%.*s", int{sizeof info->name} - 1, found.name);
  info->major = found.major;
  info->minor = found.minor;
  info->multiprocessors = found.multiProcessorCount;
  info->shared_per_block = static_cast<int32_t>(found.sharedMemPerBlockOptin);
  info->memory_bytes = found.totalGlobalMem;
  IPA_CUDA_TRY(cudaDeviceGetPCIBusId(info->bus, sizeof info->bus, index));
  return gpu_ok;
}

}  // namespace ipa::gpu::plugin
