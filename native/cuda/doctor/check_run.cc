#include "cuda/doctor/check_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace ipa::gpu {
namespace {

constexpr uint64_t check_seed = 20;

Compute compute_of(CheckType type) {
  switch (type) {
    case CheckType::f32: return Compute::f32;
    case CheckType::f16: return Compute::f16;
    case CheckType::bf16: return Compute::bf16;
    case CheckType::int8: return Compute::int8_weights;
  }
  return Compute::f32;
}

Storage storage_of(CheckType type) {
  if (type == CheckType::f32) return Storage::f32;
  return type == CheckType::bf16 ? Storage::bf16 : Storage::f16;
}

using Results = std::vector<std::vector<float>>;

class CaseRun {
 public:
  CaseRun(const CheckCase& c, const Backend& backend, const RunWish& wish)
      : case_(c), backend_(backend), wish_(wish), sketch_(check_seed) {}

  Result<CheckedRun> run() {
    IPA_TRY(prepare());
    CheckedRun of;
    IPA_TRY(once(of.results));
    if (wish_.twice) {
      Results again;
      IPA_TRY(once(again));
      of.repeats = same_bits(of.results, again);
    }
    if (wish_.timed > 0) IPA_TRY(time(of.seconds));
    return of;
  }

 private:
  Status prepare() {
    sketch_.params.activations = storage_of(wish_.type);
    case_.describe(sketch_);
    IPA_TRY(sketch_.graph.status());
    sketch_.draw_weights();
    IPA_TRY(pack());
    IPA_ASSIGN(program_, Program::make(std::move(sketch_.graph), backend_));
    IPA_TRY(program_->prepare());
    return sketch_.set_inputs(*program_);
  }

  Status pack() {
    for (const auto& param : sketch_.params.all()) {
      if (param->is_matrix()) param->compute = compute_of(wish_.type);
      const float* const values = sketch_.weights(*param).data();
      StoredTensors stored;
      for (size_t i = 0; i < param->names.size(); ++i)
        stored.tensors.push_back(values + i * static_cast<size_t>(param->elements_each()));
      std::vector<uint8_t> packed(backend_.packed_bytes(*param));
      backend_.pack(*param, stored, packed.data());
      param->data = Memory(backend_.memory(), packed.size());
      if (!param->data) return backend_.memory().no_memory(packed.size(), "there is no memory for weights");
      param->data.view().write(0, packed.data(), packed.size());
    }
    return backend_.memory().status();
  }

  // Outputs are no numbers before: what is not written shows.
  Status once(Results& results) {
    const std::vector<Value>& outputs = program_->plan().graph().outputs();
    for (Value value : outputs) {
      const auto count = static_cast<size_t>(program_->shape(value).elements());
      IPA_TRY(program_->set(value, std::vector<float>(count, std::numeric_limits<float>::quiet_NaN())));
    }
    IPA_TRY(program_->run(wish_.cancel));
    for (Value value : outputs) {
      std::vector<float>& result = results.emplace_back(static_cast<size_t>(program_->shape(value).elements()));
      IPA_TRY(program_->get(value, result));
    }
    return {};
  }

  Status time(double& median) {
    std::vector<double> all;
    const auto& steps = program_->plan().steps();
    for (int i = 0; i < wish_.timed; ++i) {
      StepSeconds seconds(steps.size());
      IPA_TRY(program_->run(wish_.cancel, &seconds));
      double sum = 0;
      for (size_t s = 0; s < steps.size(); ++s)
        if (!is_own(steps[s])) sum += seconds[s];
      all.push_back(sum);
    }
    std::sort(all.begin(), all.end());
    median = all[all.size() / 2];
    return {};
  }

  bool is_own(const Step& step) const {
    return sketch_.is_own(static_cast<int32_t>(step.node - program_->plan().graph().nodes().data()));
  }

  static bool same_bits(const Results& a, const Results& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
      return one.size() == other.size() &&
             std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
    });
  }

  const CheckCase& case_;
  const Backend& backend_;
  const RunWish& wish_;
  CheckSketch sketch_;
  std::unique_ptr<Program> program_;
};

double difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (actual.size() != expected.size()) return infinite;
  double most = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!std::isfinite(actual[i])) return infinite;
    most = std::max(most, std::fabs(double{actual[i]} - double{expected[i]}));
    largest = std::max(largest, std::fabs(double{expected[i]}));
  }
  return most == 0 ? 0 : most / largest;
}

}  // namespace

Result<CheckedRun> run_case(const CheckCase& c, const Backend& backend, const RunWish& wish) {
  return CaseRun(c, backend, wish).run();
}

double largest_difference(const CheckedRun& actual, const CheckedRun& expected) {
  if (actual.results.size() != expected.results.size()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (size_t i = 0; i < actual.results.size(); ++i)
    most = std::max(most, difference(actual.results[i], expected.results[i]));
  return most;
}

}  // namespace ipa::gpu
