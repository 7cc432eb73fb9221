#include "check/check_run.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

#include "base/float16.h"

namespace ipa {
namespace {

constexpr uint64_t check_seed = 20;

}  // namespace

CheckRun::CheckRun(const CheckCase& c, const Backend& backend, const CheckNumbers& numbers)
    : case_(c), backend_(backend), sketch_(check_seed, numbers) {}

Status CheckRun::prepare() {
  case_.describe(sketch_);
  IPA_TRY(sketch_.graph.status());
  sketch_.draw_weights();
  IPA_TRY(pack());
  IPA_ASSIGN(program_, Program::make(std::move(sketch_.graph), backend_));
  IPA_TRY(program_->prepare());
  return sketch_.set_inputs(*program_);
}

Status CheckRun::pack() {
  std::vector<uint16_t> halves;
  for (const auto& param : sketch_.params.all()) {
    const std::vector<float>& values = sketch_.weights(*param);
    StoredTensors stored;
    stored.halves = param->halves;
    if (stored.halves) {
      halves.resize(values.size());
      std::transform(values.begin(), values.end(), halves.begin(), f32_to_f16);
    }
    for (size_t i = 0; i < param->names.size(); ++i) {
      const size_t at = i * static_cast<size_t>(param->elements_each());
      stored.tensors.push_back(stored.halves ? static_cast<const void*>(halves.data() + at)
                                             : values.data() + at);
    }
    std::vector<uint8_t> packed(backend_.packed_bytes(*param));
    backend_.pack(*param, stored, packed.data());
    param->data = Memory(backend_.memory(), packed.size());
    if (!param->data) return backend_.memory().no_memory(packed.size(), "there is no memory for weights");
    param->data.view().write(0, packed.data(), packed.size());
  }
  return backend_.memory().status();
}

Result<CheckRun::Results> CheckRun::run(const CancelFlag* cancel, int threads) {
  const std::vector<Value>& outputs = program_->plan().graph().outputs();
  for (Value value : outputs) {
    const auto count = static_cast<size_t>(program_->shape(value).elements());
    IPA_TRY(program_->set(value, std::vector<float>(count, std::numeric_limits<float>::quiet_NaN())));
  }
  RunTerms terms;
  terms.cancel = cancel;
  terms.threads = threads;
  IPA_TRY(program_->run_now(terms));
  Results results;
  for (Value value : outputs) {
    std::vector<float>& result = results.emplace_back(static_cast<size_t>(program_->shape(value).elements()));
    IPA_TRY(program_->get(value, result));
  }
  return results;
}

Result<double> CheckRun::time(int runs, const CancelFlag* cancel) {
  std::vector<double> all;
  const auto& steps = program_->plan().steps();
  for (int i = 0; i < runs; ++i) {
    StepSeconds seconds(steps.size());
    IPA_TRY(program_->run(cancel, &seconds));
    double sum = 0;
    for (size_t s = 0; s < steps.size(); ++s)
      if (!is_own(steps[s])) sum += seconds[s];
    all.push_back(sum);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

bool CheckRun::is_own(const Step& step) const {
  return sketch_.is_own(static_cast<int32_t>(step.node - program_->plan().graph().nodes().data()));
}

std::vector<ipa_ref::Tensor> CheckRun::expected() const {
  const Graph& graph = program_->plan().graph();
  std::vector<ipa_ref::Tensor> all = sketch_.evaluate(graph), outputs;
  for (Value value : graph.outputs()) outputs.push_back(all[static_cast<size_t>(value.id)]);
  return outputs;
}

bool same_bits(const CheckRun::Results& a, const CheckRun::Results& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
  });
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

}  // namespace ipa
