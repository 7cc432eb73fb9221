#include "doctor/self_test.h"

#include <algorithm>
#include <chrono>

#include "check/check_run.h"
#include "cpu/cpu_backend.h"
#include "cpu/launch/thread_pool.h"
#include "doctor/conversion_checks.h"
#include "doctor/cpu_cases.h"
#include "doctor/kernel_names.h"
#include "doctor/self_test_limits.h"

namespace ipa {
namespace {

constexpr CheckNumbers numbers_of(const char* name, Compute compute, Compute keys, int64_t weights,
                                  int64_t inputs) {
  CheckNumbers numbers;
  numbers.name = name;
  numbers.compute = compute;
  numbers.keys = keys;
  numbers.weight_steps = weights;
  numbers.input_steps = inputs;
  numbers.full_chunks = compute != Compute::bf16;
  return numbers;
}

constexpr CheckNumbers stored_in_halves() {
  CheckNumbers numbers;
  numbers.name = "f16 weights";
  numbers.halves = true;
  numbers.weight_steps = 1023;
  return numbers;
}

constexpr int64_t words = static_cast<int64_t>(int16_limit), bytes = 127;
constexpr CheckNumbers types[] = {
    {},
    stored_in_halves(),
    numbers_of("bf16", Compute::bf16, Compute::bf16, bytes, bytes),
    numbers_of("int16", Compute::int16, Compute::int16, words, words),
    numbers_of("int8 weights", Compute::int8_weights, Compute::f32, bytes, words),
    numbers_of("int8", Compute::int8, Compute::f32, bytes, bytes),
};

// Whether the type changes what the case runs.
bool concerns(const CheckNumbers& numbers, const CheckCase& c) {
  if (numbers.halves) return c.has_weights || c.has_tables;
  if (numbers.compute == Compute::f32) return true;
  if (c.has_plain_keys) return numbers.keys != Compute::f32;
  if (c.op == "chain") return numbers.keys != Compute::f32;
  return c.has_weights;
}

class SelfTester {
 public:
  SelfTester(const Kernels& kernels, const SelfTestWish& wish)
      : kernels_(kernels),
        wish_(wish),
        names_(kernels_of(kernels)),
        threads_(ThreadPool::shared().planned_size()),
        backend_(kernels, threads_) {}

  Result<SelfTest> run() {
    const auto start = std::chrono::steady_clock::now();
    ThreadPool::shared().grow_to(threads_);
    SelfTest of;
    of.isa = kernels_.isa;
    check_by_themselves();
    const std::vector<CheckCase> cases = self_test_cases();
    for (const CheckNumbers& numbers : types) IPA_TRY(check_ops(cases, numbers));
    for (const SelfTestLine& line : lines_) {
      of.cases += line.cases;
      of.failed += !line.ok;
    }
    of.suspects = suspected_kernels(lines_);
    of.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return of;
  }

 private:
  void check_by_themselves() {
    for (const ConversionCheck& check : check_conversions(kernels_, wish_.kernel)) {
      add(line_of(check.kernel, "", {check.kernel}), check.size, check.error, check.limit);
      tell();
    }
    if (!wish_.kernel.empty()) return;
    for (const ConversionCheck& check : check_blocks())
      add(line_of("blocks of GGUF", "", {}), check.size, check.error, check.limit);
    tell();
  }

  Status check_ops(const std::vector<CheckCase>& cases, const CheckNumbers& numbers) {
    const std::string* op = nullptr;
    for (const CheckCase& c : cases) {
      if (!concerns(numbers, c)) continue;
      if (op && *op != c.op) tell();
      op = &c.op;
      if (wish_.cancel && wish_.cancel->load(std::memory_order_relaxed))
        return Status(Code::cancelled, "the self-test was cancelled");
      IPA_TRY(check(c, numbers));
    }
    tell();
    return {};
  }

  Status check(const CheckCase& c, const CheckNumbers& numbers) {
    CheckRun run(c, backend_, numbers);
    IPA_TRY(run.prepare());
    IPA_ASSIGN(const PlannedKernels planned, planned_kernels(run.program().plan(), kernels_, names_));
    if (!wish_.kernel.empty() && !contains(planned.names, wish_.kernel)) return {};
    SelfTestLine& line = line_of(c.op + (planned.winograd && c.op == "conv2d" ? " (Winograd)" : ""),
                                 numbers.name, planned.names);
    IPA_ASSIGN(const CheckRun::Results alone, run.run(wish_.cancel, 1));
    IPA_ASSIGN(const CheckRun::Results together, run.run(wish_.cancel));
    const std::vector<ipa_ref::Tensor> expected = run.expected();
    double error = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      error = std::max(error, ipa_ref::relative_error(alone[i], expected[i]));
    add(line, c.size, error, self_test_limit(numbers, c.op, planned));
    if (!same_bits(alone, together)) {
      line.ok = false;
      if (line.problem.empty())
        line.problem = c.size + ": other bits on " + std::to_string(threads_) + " threads than on one";
    }
    return {};
  }

  // Of those not told yet.
  SelfTestLine& line_of(const std::string& name, const std::string& type,
                        const std::vector<std::string>& kernels) {
    for (size_t i = told_; i < lines_.size(); ++i)
      if (lines_[i].name == name && lines_[i].type == type) {
        for (const std::string& kernel : kernels)
          if (!contains(lines_[i].kernels, kernel)) lines_[i].kernels.push_back(kernel);
        return lines_[i];
      }
    SelfTestLine line;
    line.name = name;
    line.type = type;
    line.kernels = kernels;
    lines_.push_back(std::move(line));
    return lines_.back();
  }

  static void add(SelfTestLine& line, const std::string& size, double error, double limit) {
    ++line.cases;
    const bool ok = error <= limit;
    if (!ok && line.ok) {
      line.ok = false;
      line.problem =
          size + ": off by " + short_number(error) + ", where " + short_number(limit) + " is allowed";
    }
    // A limit of 0 is kept or not.
    if (line.size.empty() || error * line.limit > line.error * limit || (error > limit && limit == 0)) {
      line.size = size;
      line.error = error;
      line.limit = limit;
    }
  }

  void tell() {
    for (; told_ < lines_.size(); ++told_)
      if (wish_.line) wish_.line(lines_[told_]);
  }

  const Kernels& kernels_;
  const SelfTestWish& wish_;
  const std::vector<NamedKernel> names_;
  const int threads_;
  const CpuBackend backend_;
  std::vector<SelfTestLine> lines_;
  size_t told_ = 0;
};

}  // namespace

std::vector<std::string> suspected_kernels(const std::vector<SelfTestLine>& lines) {
  std::vector<std::string> innocent, suspects;
  for (const SelfTestLine& line : lines) {
    if (line.ok) innocent.insert(innocent.end(), line.kernels.begin(), line.kernels.end());
    if (!line.ok && line.kernels.size() == 1 && !contains(suspects, line.kernels[0]))
      suspects.push_back(line.kernels[0]);
  }
  for (const SelfTestLine& line : lines) {
    const bool explained = std::any_of(line.kernels.begin(), line.kernels.end(),
                                       [&](const std::string& kernel) { return contains(suspects, kernel); });
    if (line.ok || explained) continue;
    std::vector<std::string> own;
    for (const std::string& kernel : line.kernels)
      if (!contains(innocent, kernel)) own.push_back(kernel);
    for (const std::string& kernel : own.empty() ? line.kernels : own)
      if (!contains(suspects, kernel)) suspects.push_back(kernel);
  }
  return suspects;
}

Result<SelfTest> self_test(const Kernels& kernels, const SelfTestWish& wish) {
  return SelfTester(kernels, wish).run();
}

}  // namespace ipa
