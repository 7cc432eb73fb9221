#include "cpu/cpu_backend.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"
#include "cpu/launch/thread_pool.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/packing.h"

namespace ipa {
namespace {

class CpuExecutable : public Executable {
 public:
  Status run(const RunTerms& terms) override {
    ThreadPool& pool = ThreadPool::shared();
    int most = terms.threads > 0 ? terms.threads : ThreadPool::max_threads();
    for (Launch& launch : launches) {
      if (terms.cancel && terms.cancel->load(std::memory_order_relaxed))
        return Status(Code::cancelled, "the run was cancelled");
      if (terms.pause && terms.pause->due()) {
        IPA_ASSIGN(most, terms.pause->pass());
      }
      const int threads = std::min(launch.threads, most);
      if (!terms.seconds) {
        pool.run(launch.tasks, threads, &run_task, &launch);
        continue;
      }
      const auto start = std::chrono::steady_clock::now();
      pool.run(launch.tasks, threads, &run_task, &launch);
      (*terms.seconds)[launch.step] +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return {};
  }

  std::vector<Launch> launches;
  LaunchMemory memory;

 private:
  static void run_task(void* opaque, int64_t task, int slot) {
    const Launch& launch = *static_cast<const Launch*>(opaque);
    launch.run(launch, task, launch.scratch + slot * launch.scratch_floats);
  }
};

}  // namespace

size_t CpuBackend::packed_bytes(const Param& param) const {
  return static_cast<size_t>(ipa::packed_bytes(param, kernels_));
}

void CpuBackend::pack(const Param& param, const StoredTensors& stored, void* destination) const {
  pack_param(param, kernels_, stored, destination);
}

size_t CpuBackend::packed_kv_bytes(const KeyValueShape& kv) const {
  const KvLayout layout = kernels_.kv_layout(kv.tokens, kv.head_size);
  const int64_t floats = kv.compute == Compute::f32 ? layout.head_floats() : layout.head_floats_pairs();
  return static_cast<size_t>(kv.batch * kv.heads * floats) * sizeof(float);
}

size_t CpuBackend::scratch_bytes(const Step& step) const {
  return static_cast<size_t>(shared_scratch_floats(step) + threads_ * thread_scratch_floats(step)) *
         sizeof(float);
}

Result<std::unique_ptr<Executable>> CpuBackend::compile(const Plan& plan, uint8_t* arena,
                                                        const std::vector<void*>& bindings) const {
  auto executable = std::make_unique<CpuExecutable>();
  int64_t widest_row = 1;
  for (const Step& step : plan.steps())
    if (step.node->op == Op::conv2d) widest_row = std::max(widest_row, step.input_shapes[0].c);
  executable->memory.zeros = AlignedBuffer(static_cast<size_t>(widest_row) * sizeof(float));
  executable->memory.zero_bytes = AlignedBuffer(static_cast<size_t>(int8_row_bytes(widest_row)));
  if (!executable->memory.zeros || !executable->memory.zero_bytes)
    return Status(Code::no_memory, "out of memory");
  std::memset(executable->memory.zero_bytes.data(), 128, executable->memory.zero_bytes.bytes());
  std::fill_n(executable->memory.zeros.floats(), widest_row, 0.0f);
  LaunchBuilder builder(kernels_, threads_, arena, bindings, executable->memory, executable->launches);
  for (const Step& step : plan.steps()) builder.add(step);
  return std::unique_ptr<Executable>(std::move(executable));
}

}  // namespace ipa
