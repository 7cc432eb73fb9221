// Every op of graph/graph.h once more, in f64 and by plain loops over its mathematical definition
// (PyTorch's semantics). It knows shapes and nothing of plans, layouts or kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace ipa_ref {

using Doubles = std::vector<double>;

struct Tensor {
  ipa::Shape shape;
  Doubles values;

  Tensor() = default;
  explicit Tensor(ipa::Shape s) : shape(s), values(static_cast<size_t>(s.elements()), 0.0) {}
  double& at(int64_t n, int64_t y, int64_t x, int64_t c) {
    return values[static_cast<size_t>(((n * shape.h + y) * shape.w + x) * shape.c + c)];
  }
  double at(int64_t n, int64_t y, int64_t x, int64_t c) const {
    return const_cast<Tensor*>(this)->at(n, y, x, c);
  }
  double& row(int64_t r, int64_t c) { return values[static_cast<size_t>(r * shape.c + c)]; }
  double row(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * shape.c + c)]; }
};

double activation(ipa::Activation kind, double x);
// Source coordinate of every coordinate of a nearest-neighbour enlargement, as torch's mode="nearest" picks it.
std::vector<int64_t> nearest(int64_t from, int64_t to);

// weight: (out, in); bias: (out) or empty.
Tensor linear(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out);
// weight: (2 * out, in), values before gates; bias: (2 * out).
Tensor geglu_linear(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out);
// weight: (out, in, kh, kw); bias: (out) or empty.
Tensor conv2d(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out, const ipa::Conv& conv);
// What a convolution that wraps has its padding in, laid around x; leaves in `conv` the padding that is still to be added.
Tensor wrap_around(const Tensor& x, ipa::Wrap wrap, ipa::Conv& conv);
Tensor group_norm(const Tensor& x, const Doubles& weight, const Doubles& bias, int groups, double epsilon);
Tensor layer_norm(const Tensor& x, const Doubles& weight, const Doubles& bias, double epsilon);
Tensor activate(const Tensor& x, ipa::Activation kind);
// A mean, a factor and an offset a channel of every item: (n, 1, 1, 3 c), of which norm_apply() makes (x - mean) * factor + offset.
Tensor norm_statistics(const Tensor& x, const Doubles& weight, const Doubles& bias, int groups, double epsilon);
Tensor norm_apply(const Tensor& x, const Tensor& statistics);
// b is broadcast over whatever of its sizes is 1.
Tensor add(const Tensor& a, const Tensor& b);
Tensor concat_channels(const Tensor& a, const Tensor& b);
Tensor concat_tokens(const Tensor& a, const Tensor& b);
Tensor slice_channels(const Tensor& x, int64_t offset, int64_t count);
Tensor upsample(const Tensor& x, int64_t height, int64_t width);
// table: (rows, c), once for every item.
Tensor param_rows(const Doubles& table, int64_t rows, int64_t channels, int64_t batch);
// table: any number of rows of `channels`.
Tensor gather_rows(const Doubles& table, const std::vector<int32_t>& ids, ipa::Shape ids_shape,
                   int64_t channels);

struct Keys {
  Tensor k, v;
  std::vector<double> scales = {1};  // one for all, or one per query of each item
};
// Sum over branches of scale * softmax(q k' / sqrt(head size)) v;
// a causal query sees the keys up to its own position.
Tensor attention(const Tensor& q, const std::vector<Keys>& branches, int heads, bool causal);
// Of the last item, see ipa::Graph::attention_map().
Tensor attention_map(const Tensor& q, const std::vector<Keys>& branches, int heads,
                     const std::vector<ipa::TokenSpan>& spans);

// The slot of every token of (n, h, w, c), counted over the batch: ToMe's merging (Bolya and Hoffman 2023). Of an item so many tokens
// join the one that they are most like (by the cosine) among those at even rows and columns of whole squares; these have the first slots.
std::vector<int32_t> token_slots(const Tensor& x, int64_t merged);
// Means of the tokens of each slot: (n, 1, left, c).
Tensor merge_rows(const Tensor& x, const std::vector<int32_t>& slots, int64_t left);

// Largest |actual - expected| over largest |expected|; infinite for a wrong size or a value that is no number.
double relative_error(const std::vector<float>& actual, const Tensor& expected);

}  // namespace ipa_ref
