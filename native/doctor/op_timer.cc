#include "doctor/op_timer.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "graph/program.h"

namespace ipa {
namespace {

// What one run is cut down to, and what they take together at least.
constexpr double run_seconds = 6e-3, probe_seconds = 6e-3;
constexpr int rounds = 2;
// A machine that took so long for one round is slow enough for that to be exact.
constexpr double most_seconds = 3;
constexpr double pass_elements = 1e6;
constexpr int most_runs = 4;

// A graph with one op to be timed, and what comes before it. What numbers are does not matter to speed, as long as they are ordinary ones.
class Probe {
 public:
  Probe(const CpuBackend& backend, const OpShape& shape) : backend_(backend), shape_(shape), graph_(&params_) {}

  Status prepare() {
    graph_.output(describe());
    IPA_TRY(graph_.status());
    for (const auto& param : params_.all()) IPA_TRY(fill(*param));
    IPA_ASSIGN(program_, Program::make(std::move(graph_), backend_));
    IPA_TRY(program_->prepare());
    for (const Value input : inputs_) {
      std::vector<float> numbers(static_cast<size_t>(program_->shape(input).elements()));
      for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i & 31u) / 16 - 0.9f;
      IPA_TRY(program_->set(input, numbers));
    }
    return {};
  }

  Result<double> run(const CancelFlag* cancel) {
    const auto& steps = program_->plan().steps();
    StepSeconds seconds(steps.size());
    IPA_TRY(program_->run(cancel, &seconds));
    double sum = 0;
    for (size_t i = 0; i < steps.size(); ++i)
      if (steps[i].node->op == shape_.op) sum += seconds[i];
    return sum;
  }

 private:
  Value input(const Shape& shape) {
    inputs_.push_back(graph_.input(shape));
    return inputs_.back();
  }

  // Kept in bf16 where what reads it is multiplied so.
  Value factor() {
    const Value x = input(shape_.in);
    return shape_.bf16_input ? graph_.layer_norm(x, "norm", 1e-5f) : x;
  }

  Value keys(int64_t tokens) {
    const Shape shape = tokens_shape(shape_.out.n, tokens, shape_.out.c);
    const Value k = input(shape), v = input(shape);
    return graph_.pack_kv(k, v, shape_.heads, shape_.compute);
  }

  Value attention() {
    const Value q = input(shape_.out), own = keys(shape_.tokens[0]);
    std::vector<Graph::Branch> branches;
    for (size_t i = 1; i < shape_.tokens.size(); ++i)
      branches.push_back({keys(shape_.tokens[i]), input({1, 1, 1, 1})});
    return graph_.attention(q, own, branches);
  }

  Value convolution() {
    Value x = factor();
    if (shape_.upsample_h) x = graph_.upsample(x, shape_.upsample_h, shape_.upsample_w);
    return graph_.conv2d(x, "conv", shape_.out.c, shape_.conv);
  }

  Value describe() {
    switch (shape_.op) {
      case Op::linear: return multiplied(graph_.linear(factor(), "layer", shape_.out.c));
      case Op::geglu_linear: return multiplied(graph_.geglu_linear(factor(), "layer", shape_.out.c));
      case Op::conv2d: return multiplied(convolution());
      case Op::attention: return attention();
      case Op::group_norm: {
        const int groups = shape_.out.c % 32 == 0 ? 32 : 1;
        return graph_.silu(graph_.group_norm(input(shape_.out), "norm", groups, 1e-5f));
      }
      case Op::layer_norm: return graph_.layer_norm(input(shape_.out), "norm", 1e-5f);
      default: return graph_.add(input(shape_.out), input(shape_.out));
    }
  }

  Value multiplied(Value y) {
    for (const auto& param : params_.all()) {
      if (!param->is_matrix()) continue;
      param->compute = shape_.compute;
      param->halves = shape_.halves;
    }
    return y;
  }

  Status fill(Param& param) const {
    constexpr int each_byte = 0x3c;  // small numbers in f32, f16 and bf16
    param.data = Memory(backend_.memory(), backend_.packed_bytes(param));
    if (!param.data) return Status(Code::no_memory, "out of memory");
    std::memset(param.data.address(), each_byte, param.data.bytes());
    return {};
  }

  const CpuBackend& backend_;
  const OpShape& shape_;
  ParamSet params_;
  Graph graph_;
  std::vector<Value> inputs_;
  std::unique_ptr<Program> program_;
};

}  // namespace

Result<double> OpTimer::measure(const OpShape& shape) const {
  Probe probe(backend_, shape);
  IPA_TRY(probe.prepare());
  IPA_TRY(probe.run(cancel_).status());  // touches memory for the first time
  double sum = 0;
  int runs = 0;
  while (sum < probe_seconds && runs < most_runs) {
    IPA_ASSIGN(const double seconds, probe.run(cancel_));
    sum += seconds;
    ++runs;
  }
  return sum / runs;
}

Result<double> OpTimer::budget(const OpShape& shape) {
  if (!shape.multiplies()) return pass_elements;
  double& rate = flops_[shape.compute];
  if (rate == 0) {
    OpShape first = shape;
    first.op = Op::linear;
    first.winograd = false;
    first.halves = false;
    first.in = first.out = tokens_shape(1, 384, 384);
    IPA_ASSIGN(const double seconds, measure(first));
    rate = first.work() / seconds;
  }
  // Winograd's algorithm has that many fewer products to do.
  return rate * run_seconds * (shape.winograd ? 3 : 1);
}

void OpTimer::want(const OpShape& shape) { wanted_.insert({shape.text(), {shape}}); }

Status OpTimer::measure() {
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < rounds; ++round) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > most_seconds) break;
    std::map<std::string, double> known;
    for (auto& [text, wanted] : wanted_) {
      IPA_ASSIGN(const double most, budget(wanted.shape));
      const OpShape small = wanted.shape.with_work(most);
      double& each = known[small.text()];
      if (each == 0) {
        IPA_ASSIGN(const double seconds, measure(small));
        each = seconds / small.work();
      }
      wanted.seconds_each = round == 0 ? each : std::min(wanted.seconds_each, each);
    }
  }
  return {};
}

double OpTimer::seconds_each(const OpShape& shape) const {
  const auto found = wanted_.find(shape.text());
  return found == wanted_.end() ? 0 : found->second.seconds_each;
}

}  // namespace ipa
