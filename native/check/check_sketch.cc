#include "check/check_sketch.h"

#include <cmath>
#include <utility>

#include "graph/op_traits.h"

namespace ipa {
namespace {

// Of a row, that have a scale of their own in integers of 16 bits.
constexpr int64_t chunk = 128;

// A power of two near the square root of 3 / inputs: products keep the size of what they are made of.
float weight_unit(const Param& param) {
  const auto inputs = static_cast<float>(param.elements_each() / param.shape[0]);
  return std::exp2(std::round(std::log2(std::sqrt(3.0f / inputs))));
}

float largest(int64_t steps) { return static_cast<float>(steps) / static_cast<float>(steps + 1); }

}  // namespace

CheckSketch::CheckSketch(uint64_t seed, const CheckNumbers& numbers)
    : graph(&params), numbers_(numbers), random_(seed) {
  params.activations = numbers.activations;
}

float CheckSketch::draw(int64_t steps) {
  return static_cast<float>(random_.below(2 * steps + 1) - steps) / static_cast<float>(steps + 1);
}

Value CheckSketch::bound(Shape shape, std::vector<float> numbers) {
  const Value value = graph.input(shape);
  inputs_.floats[value.id] = std::move(numbers);
  return value;
}

// An input is in f32: its sum with nothing is what the type keeps.
Value CheckSketch::input(Shape shape, std::vector<float> numbers) {
  const Value given = bound(shape, std::move(numbers));
  if (!numbers_.keeps_ends) return given;
  const Shape row{shape.n, 1, 1, shape.c};
  const Value nothing = bound(row, std::vector<float>(static_cast<size_t>(row.elements())));
  const Value kept = graph.add(given, nothing);
  own_.insert(kept.id);
  return kept;
}

Value CheckSketch::input(Shape shape, float reach) {
  std::vector<float> numbers(static_cast<size_t>(shape.elements()));
  for (float& x : numbers) x = draw() * reach;
  if (numbers_.full_chunks)
    for (int64_t row = 0; row < shape.rows(); ++row)
      for (int64_t c = 0; c < shape.c; c += chunk)
        numbers[static_cast<size_t>(row * shape.c + c)] = largest(numbers_.input_steps) * reach;
  return input(shape, std::move(numbers));
}

Value CheckSketch::ids(Shape shape, int64_t limit) {
  const Value value = graph.input(shape, Storage::i32);
  std::vector<int32_t>& ids = inputs_.ids[value.id];
  ids.resize(static_cast<size_t>(shape.elements()));
  for (int32_t& id : ids) id = static_cast<int32_t>(random_.below(limit));
  return value;
}

void CheckSketch::output(Value value) {
  const bool is_view = op_traits(graph.node(value).op).kind == OpTraits::Kind::view;
  if (!numbers_.keeps_ends && !is_view) return graph.output(value);
  const Shape& shape = graph.shape(value);
  const Value copy = graph.upsample(value, shape.h, shape.w);
  own_.insert(copy.id);
  graph.output(copy);
}

void CheckSketch::draw(const Param& param, std::vector<float>& into) {
  const int64_t steps = numbers_.weight_steps;
  if (param.role == ParamRole::vector) {
    const bool around_one = param.names[0].find(".weight") != std::string::npos;
    for (float& x : into) x = around_one ? 1.0f + draw() / 4 : draw();
    return;
  }
  const float unit = param.is_matrix() ? weight_unit(param) : 1.0f;
  for (float& x : into) x = draw(steps) * unit;
  if (!param.is_matrix()) return;
  // Integers hold a row as it is where its largest number is as many times the smallest as they have steps.
  const auto row = static_cast<size_t>(param.elements_each() / param.shape[0]);
  for (size_t i = 0; i < into.size(); i += row) into[i] = largest(steps) * unit;
}

void CheckSketch::draw_weights() {
  for (const auto& param : params.all()) {
    if (param->is_matrix()) param->compute = numbers_.compute;
    param->halves = numbers_.halves && param->may_be_halves();
    std::vector<float>& values = weights_[param.get()];
    values.resize(static_cast<size_t>(param->elements_each()) * param->names.size());
    draw(*param, values);
  }
}

Status CheckSketch::set_inputs(Program& program) const {
  for (const auto& [id, floats] : inputs_.floats) IPA_TRY(program.set(Value{id}, floats));
  for (const auto& [id, ids] : inputs_.ids) IPA_TRY(program.set(Value{id}, ids));
  return {};
}

}  // namespace ipa
