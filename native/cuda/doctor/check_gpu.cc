#include "cuda/doctor/check_gpu.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cpu/cpu_backend.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/launch/thread_pool.h"
#include "cuda/backend/cuda_backend.h"
#include "cuda/doctor/check_run.h"
#include "cuda/doctor/gpu_speed.h"

namespace ipa::gpu {
namespace {

constexpr int real_runs = 9, small_runs = 3;
constexpr uint64_t copied_bytes = uint64_t{256} << 20, quick_copied_bytes = uint64_t{4} << 20;

// Against the CPU's f32: roundings of sums in another order; of 16 bits those of results, and of what attention multiplies.
double allowed_in(CheckType type) {
  switch (type) {
    case CheckType::f32: return 2e-5;
    case CheckType::bf16: return 2.0 / 256;
    case CheckType::f16:
    case CheckType::int8: break;
  }
  return 2.0 / 2048;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

class GpuChecker {
 public:
  explicit GpuChecker(const GpuApi& api, const GpuCheckWish& wish) : api_(api), wish_(wish) {}

  Result<GpuCheck> run() {
    IPA_TRY(open());
    for (const CheckCase& c : check_cases(!wish_.quick)) {
      const Status status = check(c);
      if (status.ok()) continue;
      if (status.code() == Code::cancelled) return status;
      of_.stopped = status;
      break;
    }
    return of_;
  }

 private:
  Status open() {
    const std::string name = "cuda:" + std::to_string(wish_.device);
    IPA_ASSIGN(device_, GpuDevice::open(api_, wish_.device, name));
    IPA_ASSIGN(const Kernels* kernels, choose_kernels());
    const int threads = ThreadPool::shared().planned_size();
    cpu_ = std::make_unique<CpuBackend>(*kernels, threads);
    IPA_ASSIGN(gpu_, CudaBackend::make(device_));
    of_.info = device_->info();
    IPA_TRY(device_->check(api_.versions(&of_.versions), "asking for the driver"));
    of_.peak = stated_peak(of_.info);
    IPA_ASSIGN(of_.bandwidth, measured_bandwidth(*device_, wish_.quick ? quick_copied_bytes : copied_bytes));
    return {};
  }

  Status check(const CheckCase& c) {
    RunWish on_cpu;
    on_cpu.cancel = wish_.cancel;
    IPA_ASSIGN(const CheckedRun expected, run_case(c, *cpu_, on_cpu));
    for (const CheckType type : {CheckType::f32, CheckType::f16, CheckType::bf16, CheckType::int8}) {
      if (type == CheckType::bf16 && !gpu_->capabilities().has_bf16) continue;
      if (type == CheckType::int8 && !c.has_weights) continue;
      IPA_TRY(check(c, type, expected));
    }
    return {};
  }

  // Fails where the device does, or who cancels.
  Status check(const CheckCase& c, CheckType type, const CheckedRun& expected) {
    CheckLine line;
    line.op = c.op;
    line.size = c.size;
    line.type = type;
    line.allowed = allowed_in(type);
    RunWish wish;
    wish.type = type;
    wish.twice = true;
    wish.timed = c.is_real ? real_runs : wish_.quick ? 1 : small_runs;
    wish.cancel = wish_.cancel;
    const Result<CheckedRun> run = run_case(c, *gpu_, wish);
    if (!run.ok() && run.status().code() == Code::cancelled) return run.status();
    if (run.ok())
      judge(c, run.value(), expected, line);
    else
      line.problem = run.status().text();
    line.ok = line.problem.empty();
    ++of_.checks;
    if (!line.ok) ++of_.failed;
    if (wish_.line) wish_.line(line);
    return device_->status();
  }

  void judge(const CheckCase& c, const CheckedRun& run, const CheckedRun& expected, CheckLine& line) const {
    line.difference = largest_difference(run, expected);
    if (!(line.difference <= line.allowed))
      line.problem = "differs from the CPU by " + number(line.difference) + ", where " + number(line.allowed) +
                     " is allowed";
    else if (!run.repeats)
      line.problem = "two runs give different bits";
    line.seconds = run.seconds;
    if (!(run.seconds > 0)) return;
    const double bytes_each = line.type == CheckType::f32 ? 4 : 2;
    line.flops = c.flops / run.seconds;
    line.bytes = c.elements * bytes_each / run.seconds;
    if (line.flops > 0 && of_.peak > 0 && line.type != CheckType::f32) line.of_peak = line.flops / of_.peak;
    if (line.bytes > 0 && of_.bandwidth > 0) line.of_peak = line.bytes / of_.bandwidth;
  }

  const GpuApi& api_;
  const GpuCheckWish& wish_;
  GpuCheck of_;
  std::shared_ptr<const GpuDevice> device_;
  std::unique_ptr<const CpuBackend> cpu_;
  std::shared_ptr<const CudaBackend> gpu_;
};

}  // namespace

Result<GpuCheck> check_gpu(const GpuApi& api, const GpuCheckWish& wish) { return GpuChecker(api, wish).run(); }

}  // namespace ipa::gpu
