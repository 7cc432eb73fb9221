#include "cuda/backend/cuda_device_kind.h"

#include <memory>
#include <string>

#include "cuda/backend/cuda_backend.h"
#include "graph/device_kinds.h"

namespace ipa::gpu {

void register_cuda(const GpuApi& api) {
  add_device_kind("cuda", [&api](int index, int /*threads*/) -> Result<std::shared_ptr<const Backend>> {
    IPA_ASSIGN(std::shared_ptr<const GpuDevice> device,
               GpuDevice::open(api, index, "cuda:" + std::to_string(index)));
    IPA_ASSIGN(std::shared_ptr<const Backend> backend, CudaBackend::make(std::move(device)));
    return backend;
  });
}

}  // namespace ipa::gpu
