#include "cuda/plugin/failure.h"

#include <cstdio>
#include <cstring>

namespace ipa::gpu::plugin {
namespace {

thread_local char last_failure[256];

// Without a driver the runtime says "insufficient driver" too.
GpuResult driver_result() {
  int version = 0;
  const bool known = cudaDriverGetVersion(&version) == cudaSuccess;
  return known && version > 0 ? gpu_driver_too_old : gpu_no_driver;
}

GpuResult result_of(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver: return driver_result();
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorCompatNotSupportedOnDevice: return gpu_driver_too_old;
    case cudaErrorStubLibrary:           // libcuda of a toolkit, not of a driver
    case cudaErrorSystemDriverMismatch:  // its library and its kernel module are of different versions
    case cudaErrorSystemNotReady: return gpu_no_driver;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice: return gpu_no_device;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction: return gpu_old_architecture;
    case cudaErrorMemoryAllocation: return gpu_no_memory;
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorContextIsDestroyed:
    case cudaErrorExternalDevice:
    case cudaErrorMpsClientTerminated:
    case cudaErrorMpsRpcFailure:
    case cudaErrorCudartUnloading: return gpu_lost;
    default: return gpu_failed;
  }
}

}  // namespace

GpuResult failed(cudaError_t error, const char* call) {
  std::snprintf(last_failure, sizeof last_failure, "%.*s: %s (%s, %d)",
                static_cast<int>(std::strcspn(call, "(")), call, cudaGetErrorString(error),
                cudaGetErrorName(error), static_cast<int>(error));
  const GpuResult result = result_of(error);
  cudaGetLastError();
  return result;
}

GpuResult failed(GpuResult result, const char* text) {
  std::snprintf(last_failure, sizeof last_failure, "%s", text);
  return result;
}

void describe(char* text, size_t bytes) {
  if (bytes > 0) std::snprintf(text, bytes, "%s", last_failure);
}

}  // namespace ipa::gpu::plugin
