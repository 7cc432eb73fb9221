#include "graph_rig.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "allocation_counter.h"
#include "base/float16.h"
#include "block_weights.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/isa/isa_tables.h"
#include "cpu/launch/thread_pool.h"
#include "graph/op_traits.h"
#include "harness.h"
#include "measured.h"

namespace ipa_test {

using ipa::Graph;
using ipa::Param;
using ipa::ParamRole;
using ipa::Shape;
using ipa::Value;

const ipa::Kernels& test_kernels() {
  const auto chosen = ipa::choose_kernels();
  CHECK_OK(chosen.status());
  return chosen.ok() ? *chosen.value() : ipa::kernels_scalar;
}

GraphRig::GraphRig(uint64_t seed, const ipa::Kernels& kernels, int threads)
    : graph(&params_), backend_(std::make_shared<const ipa::CpuBackend>(kernels, threads)), random_(seed) {
  if (ipa::ThreadPool::shared().size() < 2) ipa::ThreadPool::shared().resize(2);
}

GraphRig::GraphRig(uint64_t seed) : GraphRig(seed, test_kernels()) {
  const TestDevice& device = test_device();
  if (!device.is_gpu()) return;
  on_test_device_ = true;
  backend_ = device.backend;
  params_.activations = device.activations();
}

Value GraphRig::input(Shape shape, float low, float high) {
  const Value value = graph.input(shape);
  std::vector<float>& floats = inputs_.floats[value.id];
  floats.resize(static_cast<size_t>(shape.elements()));
  for (float& x : floats) x = random_.uniform(low, high);
  return value;
}

Value GraphRig::ids(Shape shape, int64_t limit) {
  const Value value = graph.input(shape, ipa::Storage::i32);
  std::vector<int32_t>& ids = inputs_.ids[value.id];
  ids.resize(static_cast<size_t>(shape.elements()));
  for (int32_t& id : ids) id = static_cast<int32_t>(random_.below(limit));
  return value;
}

Value GraphRig::scalar(float value) { return input(Shape{1, 1, 1, 1}, value, value); }

Value GraphRig::output(Value value) {
  graph.output(value);
  return value;
}

void GraphRig::draw_weights() {
  for (const auto& param : params_.all()) {
    std::vector<float>& values = param_values_[param.get()];
    values.resize(static_cast<size_t>(param->elements_each()) * param->names.size());
    // Weights that keep the size of what they are applied to; norm weights around 1.
    const auto fan_in =
        param->is_matrix() ? static_cast<float>(param->elements_each() / param->shape[0]) : 3.0f;
    const bool around_one =
        param->role == ParamRole::vector && param->names[0].find(".weight") != std::string::npos;
    const float reach = std::sqrt(3.0f / fan_in);
    if (param->is_matrix() && !block_types_.empty()) {
      draw_blocks(*param, values);
      continue;
    }
    for (float& x : values) x = random_.uniform(-reach, reach) + (around_one ? 1.0f : 0.0f);
    for (float& x : values) x = rounded(x);
    if (round_weights_)
      for (float& x : values) x = ipa::f16_to_f32(ipa::f32_to_f16(x));
  }
}

void GraphRig::draw_blocks(const Param& param, std::vector<float>& values) {
  const int64_t each = param.elements_each();
  const float reach = std::sqrt(3.0f * static_cast<float>(param.shape[0]) / static_cast<float>(each));
  std::vector<ipa::BlockCodes>& tensors = blocks_[&param];
  for (size_t i = 0; i < param.names.size(); ++i) {
    BlockWeights drawn(block_types_[i % block_types_.size()], each, reach, random_);
    std::copy(drawn.values.begin(), drawn.values.end(), values.begin() + static_cast<ptrdiff_t>(i) * each);
    tensors.push_back(std::move(drawn.codes));
  }
  for (float& x : values) x = rounded(x);
}

void GraphRig::keep_blocks() {
  for (const auto& param : params_.all()) {
    const auto drawn = blocks_.find(param.get());
    if (drawn == blocks_.end() || !param->may_be_blocks()) continue;
    param->blocks = drawn->second.front().format;
    for (const ipa::BlockCodes& codes : drawn->second)
      param->blocks = ipa::common_format(param->blocks, codes.format);
  }
}

bool GraphRig::keeps_blocks() const {
  return std::all_of(params_.all().begin(), params_.all().end(),
                     [](const auto& param) { return param->blocks || !param->is_matrix(); });
}

void GraphRig::use(ipa::Compute compute) {
  for (const auto& param : params_.all())
    if (param->is_matrix()) param->compute = compute;
}

void GraphRig::use_halves() {
  for (const auto& param : params_.all()) param->halves = param->may_be_halves();
}

float GraphRig::rounded(float value) const { return on_test_device_ ? test_device().rounded(value) : value; }

// What the device under test multiplies: of the CPU's types those of bytes alone, as weights.
void GraphRig::use_device_types() {
  const ipa::Compute own = test_device().compute;
  for (const auto& param : params_.all()) {
    if (!param->is_matrix()) continue;
    const bool bytes = param->compute == ipa::Compute::int8 || param->compute == ipa::Compute::int8_weights;
    param->compute = bytes ? ipa::Compute::int8_weights : own;
    uses_bytes_ = uses_bytes_ || bytes;
  }
}

bool GraphRig::build() {
  draw_weights();
  return pack_and_plan();
}

bool GraphRig::build_with_weights_of(const GraphRig& other) {
  CHECK_EQ(params_.all().size(), other.params_.all().size());
  if (params_.all().size() != other.params_.all().size()) return false;
  for (size_t i = 0; i < params_.all().size(); ++i)
    param_values_[params_.all()[i].get()] = other.param_values_.at(other.params_.all()[i].get());
  return pack_and_plan();
}

bool GraphRig::pack_and_plan() {
  if (on_test_device_) use_device_types();
  if (backend_->capabilities().block_weights) keep_blocks();
  const PoisonedMemory
      poisoned;  // weights' padding, arena, buffers: whoever reads before writing gets no number
  for (const auto& param : params_.all()) {
    const std::vector<float>& values = param_values_.at(param.get());
    ipa::StoredTensors stored;
    stored.halves = param->halves || (param->is_matrix() && stored_halves_);
    std::vector<uint16_t> halves(values.size());
    for (size_t i = 0; i < values.size(); ++i) halves[i] = ipa::f32_to_f16(values[i]);
    for (size_t i = 0; i < param->names.size(); ++i) {
      const size_t at = i * static_cast<size_t>(param->elements_each());
      stored.tensors.push_back(stored.halves ? static_cast<const void*>(halves.data() + at)
                                             : values.data() + at);
    }
    if (param->blocks)
      for (const ipa::BlockCodes& codes : blocks_.at(param.get())) stored.blocks.push_back(&codes);
    std::vector<uint8_t> packed(backend_->packed_bytes(*param));
    param->data = ipa::Memory(backend_->memory(), packed.size());
    backend_->pack(*param, stored, packed.data());
    param->data.view().write(0, packed.data(), packed.size());
  }
  auto made = ipa::Program::make(std::move(graph), *backend_);
  CHECK_OK(made.status());
  if (!made.ok()) return false;
  program_ = made.take();
  const ipa::Status prepared = program_->prepare();
  CHECK_OK(prepared);
  return prepared.ok();
}

bool GraphRig::run() {
  for (auto& [id, floats] : inputs_.floats) {
    for (float& x : floats) x = rounded(x);
    CHECK_OK(program_->set(Value{id}, floats));
  }
  for (const auto& [id, ids] : inputs_.ids) CHECK_OK(program_->set(Value{id}, ids));
  for (Value value : program_->plan().graph().outputs()) {
    const auto count = static_cast<size_t>(program_->shape(value).elements());
    const ipa::Storage storage = program_->plan().graph().node(value).storage;
    if (storage != ipa::Storage::packed_kv)
      CHECK_OK(program_->set(value, std::vector<float>(count, std::numeric_limits<float>::quiet_NaN())));
  }
  const ipa::Status status = program_->run();
  CHECK_OK(status);
  return status.ok();
}

std::vector<float> GraphRig::result(Value output) {
  std::vector<float> values(static_cast<size_t>(program_->shape(output).elements()));
  CHECK_OK(program_->get(output, values));
  return values;
}

// By the op of the step that makes an output. Of the device under test alone.
void GraphRig::record(Value output, double error) const {
  if (on_test_device_ != test_device().is_gpu()) return;
  const ipa::Plan& plan = program_->plan();
  for (const ipa::Step& step : plan.steps())
    if (step.out.binding == plan.binding_of(output))
      return record_error(ipa::op_traits(step.node->op).name, error);
}

void GraphRig::check(const std::string& what, double allowed) {
  if (!program_ && !build()) return;
  if (!run()) return;
  const std::vector<Value> outputs = program_->plan().graph().outputs();
  std::vector<std::vector<float>> once;
  for (Value value : outputs) once.push_back(result(value));
  if (!run()) return;
  const std::vector<ipa_ref::Tensor> exact = expected();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ipa_ref::Tensor& tensor = exact[static_cast<size_t>(outputs[i].id)];
    const std::string name = what + ", output " + std::to_string(i);
    if (!(tensor.shape == program_->shape(outputs[i])))
      fail(__FILE__, __LINE__,
           name + ": is " + to_string(program_->shape(outputs[i])) + ", not " + to_string(tensor.shape));
    const double error = relative_error(once[i], tensor);
    record(outputs[i], error);
    if (!(error <= (on_test_device_ ? test_device().allowed(allowed, uses_bytes_) : allowed)))
      fail(__FILE__, __LINE__, name + ": relative error " + std::to_string(error * 1e6) + "e-6");
    if (!same_bits(once[i], result(outputs[i]))) fail(__FILE__, __LINE__, name + ": a second run differs");
  }
}

std::vector<ipa_ref::Tensor> GraphRig::expected() {
  return ipa_ref::evaluate(program_->plan().graph(), inputs_, param_values_);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

std::string to_string(const Shape& shape) {
  return "(" + std::to_string(shape.n) + ", " + std::to_string(shape.h) + ", " + std::to_string(shape.w) +
         ", " + std::to_string(shape.c) + ")";
}

void check_fusion(const std::string& what, int64_t steps, const std::function<Value(GraphRig&)>& describe) {
  GraphRig fused(7), separate(7);
  const Value end = fused.output(describe(fused));
  fused.check(what);
  if (fused.steps() != steps)
    fail(__FILE__, __LINE__,
         what + ": " + std::to_string(fused.steps()) + " steps, not " + std::to_string(steps));

  describe(separate);
  std::vector<Value> all;
  for (size_t i = 0; i < separate.graph.nodes().size(); ++i) {
    const ipa::Node& node = separate.graph.nodes()[i];
    const bool floats = node.storage == ipa::Storage::f32;
    if (floats && ipa::op_traits(node.op).kind == ipa::OpTraits::Kind::step)
      all.push_back(Value{static_cast<int32_t>(i)});
  }
  for (Value value : all) separate.output(value);
  separate.check(what + ", not fused");
  // In 16 bits the values between the steps are rounded, those of outputs are not.
  if (test_device().compute == ipa::Compute::f32 && !same_bits(fused.result(end), separate.result(end)))
    fail(__FILE__, __LINE__, what + ": the fused plan differs from the same steps one by one");
}

}  // namespace ipa_test
