#include "cuda/doctor/check_sketch.h"

#include <cmath>
#include <utility>

namespace ipa::gpu {
namespace {

// A power of two near the square root of 3 / inputs: products keep the size of what they are made of.
float weight_unit(const Param& param) {
  const auto inputs = static_cast<float>(param.elements_each() / param.shape[0]);
  return std::exp2(std::round(std::log2(std::sqrt(3.0f / inputs))));
}

}  // namespace

// SplitMix64.
uint64_t CheckSketch::bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t CheckSketch::below(int64_t limit) {
  return static_cast<int64_t>(bits() % static_cast<uint64_t>(limit));
}

Value CheckSketch::bound(Shape shape, std::vector<float> numbers) {
  const Value value = graph.input(shape);
  floats_[value.id] = std::move(numbers);
  return value;
}

// An input is in f32: its sum with nothing is what the type keeps.
Value CheckSketch::input(Shape shape, std::vector<float> numbers) {
  const Value given = bound(shape, std::move(numbers));
  const Shape row{shape.n, 1, 1, shape.c};
  const Value nothing = bound(row, std::vector<float>(static_cast<size_t>(row.elements())));
  const Value kept = graph.add(given, nothing);
  own_.insert(kept.id);
  return kept;
}

Value CheckSketch::input(Shape shape, float reach) {
  std::vector<float> numbers(static_cast<size_t>(shape.elements()));
  for (float& x : numbers) x = draw() * reach;
  return input(shape, std::move(numbers));
}

Value CheckSketch::ids(Shape shape, int64_t limit) {
  const Value value = graph.input(shape, Storage::i32);
  std::vector<int32_t>& ids = ids_[value.id];
  ids.resize(static_cast<size_t>(shape.elements()));
  for (int32_t& id : ids) id = static_cast<int32_t>(below(limit));
  return value;
}

void CheckSketch::output(Value value) {
  const Shape& shape = graph.shape(value);
  const Value copy = graph.upsample(value, shape.h, shape.w);
  own_.insert(copy.id);
  graph.output(copy);
}

void CheckSketch::draw(const Param& param, std::vector<float>& into) {
  if (param.role == ParamRole::vector) {
    const bool around_one = param.names[0].find(".weight") != std::string::npos;
    for (float& x : into) x = around_one ? 1.0f + draw() / 4 : draw();
    return;
  }
  const float unit = param.is_matrix() ? weight_unit(param) : 1.0f;
  for (float& x : into) x = draw() * unit;
  if (!param.is_matrix()) return;
  // 8 bits hold a row as it is where its largest number is 127 times the smallest.
  const auto row = static_cast<size_t>(param.elements_each() / param.shape[0]);
  for (size_t i = 0; i < into.size(); i += row) into[i] = 127.0f / 128.0f * unit;
}

void CheckSketch::draw_weights() {
  for (const auto& param : params.all()) {
    std::vector<float>& values = weights_[param.get()];
    values.resize(static_cast<size_t>(param->elements_each()) * param->names.size());
    draw(*param, values);
  }
}

Status CheckSketch::set_inputs(Program& program) const {
  for (const auto& [id, floats] : floats_) IPA_TRY(program.set(Value{id}, floats));
  for (const auto& [id, ids] : ids_) IPA_TRY(program.set(Value{id}, ids));
  return {};
}

}  // namespace ipa::gpu
