// Until the CUDA backend defines it: this file goes then.
#include "cuda/backend/cuda_device_kind.h"

namespace ipa::gpu {

[[gnu::weak]] Status register_cuda(const GpuApi*) {
  return Status(Code::unsupported, "this build has no CUDA backend yet");
}

}  // namespace ipa::gpu
