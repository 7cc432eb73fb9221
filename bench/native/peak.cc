#include "peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/aligned_buffer.h"
#include "cpu/launch/thread_pool.h"

namespace ipa_bench {
namespace {

constexpr int64_t k = 512, rows = ipa::gemm_block_rows, tasks_a_thread = 100;

struct Work {
  const ipa::Kernels& kernels;
  ipa::GemmArgs arguments;
  std::vector<ipa::AlignedBuffer> outputs;
  static void task(void* opaque, int64_t, int slot) {
    Work& work = *static_cast<Work*>(opaque);
    ipa::GemmArgs g = work.arguments;
    float* memory = work.outputs[static_cast<size_t>(slot)].floats();
    g.c = memory;
    work.kernels.of(ipa::Compute::f32).gemm(g, 0, memory + g.m * g.n);
  }
};

}  // namespace

double peak_flops(const ipa::Kernels& kernels, int threads) {
  const int64_t columns = kernels.panels.panel;
  ipa::AlignedBuffer a(static_cast<size_t>(rows * k) * sizeof(float)),
      b(static_cast<size_t>(columns * k) * sizeof(float));
  std::fill_n(a.floats(), rows * k, 0.5f);
  std::fill_n(b.floats(), columns * k, 0.25f);
  Work work{kernels, {}, {}};
  for (int i = 0; i < threads; ++i)
    work.outputs.emplace_back(static_cast<size_t>(rows * columns + ipa::gemm_block_rows * columns) *
                              sizeof(float));
  ipa::GemmArgs& g = work.arguments;
  g.a = a.floats();
  g.a_stride = g.k = k;
  g.m = g.block_rows = rows;
  g.n = g.c_stride = columns;
  g.b = b.floats();
  g.blocks = g.panels = 1;
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    ipa::ThreadPool::shared().run(threads * tasks_a_thread, threads, &Work::task, &work);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * static_cast<double>(rows * columns * k * threads * tasks_a_thread) / best;
}

}  // namespace ipa_bench
