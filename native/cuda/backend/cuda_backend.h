// An NVIDIA GPU as a backend: packs weights for its products, and turns plans into launches.
#pragma once

#include <memory>

#include "cuda/backend/gpu_device.h"
#include "cuda/backend/gpu_memory.h"
#include "graph/backend.h"

namespace ipa::gpu {

// One run at a time has all of the GPU: it counts as one thread of the host.
class CudaBackend : public Backend {
 public:
  // no_memory.
  static Result<std::shared_ptr<const CudaBackend>> make(std::shared_ptr<const GpuDevice> device);

  Capabilities capabilities() const override;
  const MemorySpace& memory() const override { return *memory_; }
  size_t packed_bytes(const Param& param) const override;
  void pack(const Param& param, const StoredTensors& stored, void* destination) const override;
  size_t packed_kv_bytes(const KeyValueShape& kv) const override;
  size_t scratch_bytes(const Step& step) const override;
  Result<std::unique_ptr<Executable>> compile(const Plan& plan, uint8_t* arena,
                                              const std::vector<void*>& bindings) const override;

 private:
  CudaBackend(std::shared_ptr<const GpuDevice> device, std::shared_ptr<const GpuMemory> memory)
      : device_(std::move(device)), memory_(std::move(memory)) {}

  std::shared_ptr<const GpuDevice> device_;
  std::shared_ptr<const GpuMemory> memory_;
};

}  // namespace ipa::gpu
