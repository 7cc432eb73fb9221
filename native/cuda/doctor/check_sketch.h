// One op, or a few, described with the numbers to try them on. All numbers are whole multiples of a small power of two, which f32,
// f16, bf16 and weights of 8 bits all hold as they are: what is compared later is the arithmetic alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "graph/graph.h"
#include "graph/program.h"

namespace ipa::gpu {

class CheckSketch {
 public:
  // `seed`: the same numbers each time.
  explicit CheckSketch(uint64_t seed) : graph(&params), state_(seed) {}

  ParamSet params;
  Graph graph;

  // Numbers in [-reach, reach], a power of two, kept in what the type under test keeps activations in.
  Value input(Shape shape, float reach = 1);
  // The same of the caller's own numbers, as many as the shape has.
  Value input(Shape shape, std::vector<float> numbers);
  // As callers bind it, in f32: scales of branches.
  Value bound(Shape shape, std::vector<float> numbers);
  // Whole numbers in [0, limit).
  Value ids(Shape shape, int64_t limit);
  // In [0, limit).
  int64_t below(int64_t limit);
  // A multiple of 1/128 in (-1, 1).
  float draw() { return static_cast<float>(below(255) - 127) / 128.0f; }

  // `value`, which is kept as an activation, copied to where a caller reads it.
  void output(Value value);
  // Whether that node only moves numbers for the sketch.
  bool is_own(int32_t node) const { return own_.count(node) != 0; }

  // Draws the weights: [-1, 1] over the square root of the inputs of an output, around 1 for the weights of norms.
  void draw_weights();
  const std::vector<float>& weights(const Param& param) const { return weights_.at(&param); }
  Status set_inputs(Program& program) const;

 private:
  uint64_t bits();
  void draw(const Param& param, std::vector<float>& into);

  uint64_t state_;
  std::map<int32_t, std::vector<float>> floats_;
  std::map<int32_t, std::vector<int32_t>> ids_;
  std::map<const Param*, std::vector<float>> weights_;
  std::set<int32_t> own_;
};

}  // namespace ipa::gpu
