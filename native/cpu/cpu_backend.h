// The CPU as a backend: packs weights in panels, runs steps as tasks on the process's thread pool.
#pragma once

#include "cpu/kernels/kernels.h"
#include "graph/backend.h"

namespace ipa {

class CpuBackend : public Backend {
 public:
  // `threads` limits how many threads work on one step at once; the pool may have more.
  CpuBackend(const Kernels& kernels, int threads) : kernels_(kernels), threads_(threads < 1 ? 1 : threads) {}

  const Kernels& kernels() const { return kernels_; }
  Capabilities capabilities() const override {
    return {"cpu", threads_, kernels_.fast_bytes, kernels_.fast_bf16};
  }
  const MemorySpace& memory() const override { return host_memory(); }
  size_t packed_bytes(const Param& param) const override;
  void pack(const Param& param, const StoredTensors& stored, void* destination) const override;
  size_t packed_kv_bytes(const KeyValueShape& kv) const override;
  size_t scratch_bytes(const Step& step) const override;
  Result<std::unique_ptr<Executable>> compile(const Plan& plan, uint8_t* arena,
                                              const std::vector<void*>& bindings) const override;

 private:
  const Kernels& kernels_;
  int threads_;
};

}  // namespace ipa
