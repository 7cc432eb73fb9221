#include "cuda/backend/cuda_backend.h"

#include "cuda/backend/cuda_executable.h"
#include "cuda/backend/gpu_ops.h"
#include "cuda/backend/packed_weights.h"

namespace ipa::gpu {

Result<std::shared_ptr<const CudaBackend>> CudaBackend::make(std::shared_ptr<const GpuDevice> device) {
  IPA_ASSIGN(std::shared_ptr<const GpuMemory> memory, GpuMemory::make(device));
  return std::shared_ptr<const CudaBackend>(new CudaBackend(std::move(device), std::move(memory)));
}

Capabilities CudaBackend::capabilities() const {
  Capabilities of;
  of.device = device_->name();
  of.is_gpu = true;
  of.has_bf16 = device_->capability() >= 80;
  of.block_weights = true;
  return of;
}

size_t CudaBackend::packed_bytes(const Param& param) const { return gpu::packed_bytes(param); }

void CudaBackend::pack(const Param& param, const StoredTensors& stored, void* destination) const {
  pack_param(param, stored, destination);
}

size_t CudaBackend::packed_kv_bytes(const KeyValueShape& kv) const {
  const int64_t row = int64_t{kv.heads} * padded_head(kv.head_size);
  return static_cast<size_t>(2 * kv.batch * kv.tokens * row * element_size(element_of(kv.compute)));
}

size_t CudaBackend::scratch_bytes(const Step& step) const {
  return static_cast<size_t>(gpu::scratch_bytes(step));
}

Result<std::unique_ptr<Executable>> CudaBackend::compile(const Plan& plan, uint8_t* arena,
                                                         const std::vector<void*>& bindings) const {
  auto executable = std::make_unique<CudaExecutable>(device_);
  LaunchBuilder builder(plan, arena, bindings, executable->launches);
  for (const Step& step : plan.steps()) IPA_TRY(builder.add(step));
  return std::unique_ptr<Executable>(std::move(executable));
}

}  // namespace ipa::gpu
