#include "cuda/doctor/check_gpu.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "check/check_run.h"
#include "cpu/cpu_backend.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/launch/thread_pool.h"
#include "cuda/backend/cuda_backend.h"
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

double difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  ipa_ref::Tensor right({1, 1, 1, static_cast<int64_t>(expected.size())});
  right.values.assign(expected.begin(), expected.end());
  return ipa_ref::relative_error(actual, right);
}

// Over the largest number that is right; infinite for other sizes and for what is no number.
double largest_difference(const CheckRun::Results& actual, const CheckRun::Results& expected) {
  if (actual.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (size_t i = 0; i < actual.size(); ++i) most = std::max(most, difference(actual[i], expected[i]));
  return most;
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
    IPA_ASSIGN(const CheckRun::Results expected, run_on_cpu(c));
    for (const CheckType type : {CheckType::f32, CheckType::f16, CheckType::bf16, CheckType::int8}) {
      if (type == CheckType::bf16 && !gpu_->capabilities().has_bf16) continue;
      if (type == CheckType::int8 && !c.has_weights) continue;
      IPA_TRY(check(c, type, expected));
    }
    return {};
  }

  Result<CheckRun::Results> run_on_cpu(const CheckCase& c) const {
    CheckRun run(c, *cpu_, check_numbers(CheckType::f32));
    IPA_TRY(run.prepare());
    return run.run(wish_.cancel);
  }

  // Fails where the device does, or who cancels.
  Status check(const CheckCase& c, CheckType type, const CheckRun::Results& expected) {
    CheckLine line;
    line.op = c.op;
    line.size = c.size;
    line.type = type;
    line.allowed = allowed_in(type);
    const Status status = run(c, expected, line);
    if (status.code() == Code::cancelled) return status;
    if (!status.ok()) line.problem = status.text();
    line.ok = line.problem.empty();
    ++of_.checks;
    if (!line.ok) ++of_.failed;
    if (wish_.line) wish_.line(line);
    return device_->status();
  }

  // The problem is in the line; an error is one that there are no numbers after.
  Status run(const CheckCase& c, const CheckRun::Results& expected, CheckLine& line) const {
    CheckRun run(c, *gpu_, check_numbers(line.type));
    IPA_TRY(run.prepare());
    IPA_ASSIGN(const CheckRun::Results once, run.run(wish_.cancel));
    IPA_ASSIGN(const CheckRun::Results again, run.run(wish_.cancel));
    line.difference = largest_difference(once, expected);
    if (!(line.difference <= line.allowed))
      line.problem = "differs from the CPU by " + short_number(line.difference) + ", where " +
                     short_number(line.allowed) + " is allowed";
    else if (!same_bits(once, again))
      line.problem = "two runs give different bits";
    IPA_ASSIGN(line.seconds, run.time(c.is_real ? real_runs : wish_.quick ? 1 : small_runs, wish_.cancel));
    if (line.seconds > 0) set_speed(c, line);
    return {};
  }

  void set_speed(const CheckCase& c, CheckLine& line) const {
    const double bytes_each = line.type == CheckType::f32 ? 4 : 2;
    line.flops = c.flops / line.seconds;
    line.bytes = c.elements * bytes_each / line.seconds;
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

const char* check_type_name(CheckType type) {
  switch (type) {
    case CheckType::f32: return "f32";
    case CheckType::f16: return "f16";
    case CheckType::bf16: return "bf16";
    case CheckType::int8: return "int8";
  }
  return "";
}

CheckNumbers check_numbers(CheckType type) {
  CheckNumbers numbers;
  numbers.name = check_type_name(type);
  numbers.keeps_ends = true;
  numbers.weight_steps = numbers.input_steps = 127;
  switch (type) {
    case CheckType::f32: break;
    case CheckType::bf16:
      numbers.compute = Compute::bf16;
      numbers.activations = Storage::bf16;
      break;
    case CheckType::f16:
    case CheckType::int8:
      numbers.compute = type == CheckType::f16 ? Compute::f16 : Compute::int8_weights;
      numbers.activations = Storage::f16;
      break;
  }
  return numbers;
}

Result<GpuCheck> check_gpu(const GpuApi& api, const GpuCheckWish& wish) { return GpuChecker(api, wish).run(); }

}  // namespace ipa::gpu
