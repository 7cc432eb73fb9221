// The ops of a plan by what decides their time, and smaller ones that take as long for as much work.
#pragma once

#include <string>
#include <vector>

#include "graph/plan.h"

namespace ipa {

struct OpShape {
  Op op = Op::add;
  Compute compute = Compute::f32;  // of weights, or of keys
  bool halves = false;             // weights kept as binary16
  bool bf16_input = false;
  bool winograd = false;
  Shape in, out;
  Conv conv;
  int64_t upsample_h = 0, upsample_w = 0;
  int heads = 0;
  std::vector<int64_t> tokens;  // of an attention's own keys, and of its branches

  explicit OpShape(const Step& step);
  bool multiplies() const {
    return op == Op::linear || op == Op::geglu_linear || op == Op::conv2d || op == Op::attention;
  }
  // Of products and attention see step_flops(); of others, the elements that they write.
  double work() const;
  // Of fewer pixels, rows, queries or heads, of a product then of fewer outputs, of an attention over very many keys of fewer; with all of
  // its inputs and taps, and not below what keeps threads busy.
  OpShape with_work(double most) const;
  // Those of one kind are as fast as one another, for as much work.
  std::string kind() const;
  // What is measured once.
  std::string text() const;

 private:
  // Of a convolution, about this share of either side.
  void set_size(double share);
};

}  // namespace ipa
