// One op, or a few, described with the numbers to try them on.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "check/check_numbers.h"
#include "check/reference_graph.h"
#include "check/split_mix.h"
#include "graph/graph.h"
#include "graph/program.h"

namespace ipa {

class CheckSketch {
 public:
  // `seed`: the same numbers each time.
  CheckSketch(uint64_t seed, const CheckNumbers& numbers);

  ParamSet params;
  Graph graph;

  const CheckNumbers& numbers() const { return numbers_; }

  // Numbers in [-reach, reach], a power of two, kept in what the type under test keeps activations in.
  Value input(Shape shape, float reach = 1);
  // The same of the caller's own numbers, as many as the shape has.
  Value input(Shape shape, std::vector<float> numbers);
  // As callers bind it, in f32: scales of branches.
  Value bound(Shape shape, std::vector<float> numbers);
  // Whole numbers in [0, limit).
  Value ids(Shape shape, int64_t limit);
  // In (-1, 1).
  float draw() { return draw(numbers_.input_steps); }

  // `value`, copied to where a caller reads it if it is kept as an activation, or only a view.
  void output(Value value);
  // Whether that node only moves numbers for the sketch.
  bool is_own(int32_t node) const { return own_.count(node) != 0; }

  // Sets what matrices are multiplied in, and draws the weights: [-1, 1] over the square root of the inputs of an output, around 1 for
  // the weights of norms.
  void draw_weights();
  const std::vector<float>& weights(const Param& param) const { return weights_.at(&param); }
  Status set_inputs(Program& program) const;
  // Every value of the graph, which a program may have taken, in f64.
  std::vector<ipa_ref::Tensor> evaluate(const Graph& of) const {
    return ipa_ref::evaluate(of, inputs_, weights_);
  }

 private:
  float draw(int64_t steps);
  void draw(const Param& param, std::vector<float>& into);

  const CheckNumbers numbers_;
  SplitMix64 random_;
  ipa_ref::Inputs inputs_;
  ipa_ref::ParamValues weights_;
  std::set<int32_t> own_;
};

}  // namespace ipa
