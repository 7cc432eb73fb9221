// A graph of tensor operations. Ops only record: nothing is computed,
// allocated or looked up until a plan is made of the graph (graph/plan.h) and a backend runs it.
// Parameters are named as in the checkpoint (graph/params.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/params.h"
#include "graph/shape.h"
#include "graph/types.h"

namespace ipa {

enum class Op : uint8_t {
  input,         // bound by the caller
  param_rows,    // a (rows, c) parameter repeated for every item of the batch
  gather_rows,   // rows of a parameter or activation picked by integer ids
  linear,        // y = x W' + b
  geglu_linear,  // value * gelu(gate) of one linear
  conv2d,
  group_norm,
  norm_statistics,  // what group_norm computes first: a mean, a factor and an offset a channel
  norm_apply,       // and what it then makes of them
  layer_norm,
  activation,
  add,  // elementwise; the second operand may have one row per item (broadcast over pixels) or one item
  concat_channels,
  concat_tokens,
  slice_channels,  // a view
  reshape,         // a view of the same floats under another shape
  upsample,        // nearest, to an explicit size
  pack_kv,         // keys and values in the layout attention reads
  token_map,       // ids of the rows that tokens are found in once those most alike are merged
  merge_rows,      // means of the rows that share an id
  attention,       // softmax(Q K') V, plus scaled branches with keys and values of their own
  attention_map,   // where an attention looks, and how much its tokens add
};
constexpr size_t op_count = static_cast<size_t>(Op::attention_map) + 1;  // of the last

// Where group norms take mean and deviation from: their own input; the same, kept as outputs of the graph;
// or inputs of the graph, from a run that kept them.
enum class NormStatistics : uint8_t { own, recorded, given };

struct Value {
  int32_t id = -1;
  bool valid() const { return id >= 0; }
};

struct Node {
  Op op = Op::input;
  Storage storage = Storage::f32;
  Shape shape;
  std::vector<Value> inputs;
  std::vector<const Param*> params;  // weight, then bias (which may be null)
  Conv conv;
  Wrap wrap;         // conv2d, see Graph::set_wrap
  KeyValueShape kv;  // pack_kv, and inputs of packed storage
  Activation activation = Activation::none;
  int groups = 0;
  float epsilon = 0;
  bool causal = false;
  bool compact = false;          // see Graph::set_compact
  int64_t offset = 0;            // slice_channels: first channel; token_map: tokens of an item that merge
  std::vector<TokenSpan> spans;  // attention_map, in the order of their sources
};

// Of an attention's inputs, those with packed keys and values: its own, then each branch's, whose scale follows it.
inline std::vector<size_t> attention_parts(size_t inputs) {
  std::vector<size_t> parts = {1};
  for (size_t i = 2; i + 1 < inputs; i += 2) parts.push_back(i);
  return parts;
}

class Graph {
 public:
  // Declares the parameters that it is the first to name.
  explicit Graph(ParamSet* params) : params_(params), declared_(params) {}
  // Finds all of its parameters.
  explicit Graph(const ParamSet* params) : params_(params) {}

  Value input(Shape shape, Storage storage = Storage::f32);
  Value packed_kv_input(KeyValueShape kv);
  void output(Value value) { outputs_.push_back(value); }

  // `name` is the module: its tensors are name.weight and name.bias.
  Value linear(Value x, const std::string& name, int64_t out, bool bias = true);
  // Several modules over one input, side by side in the output's channels.
  Value linears(Value x, const std::vector<std::string>& names, int64_t out_each, bool bias);
  // name.weight is (2 * out, in): the first half gives values, the second gates (diffusers GEGLU).
  Value geglu_linear(Value x, const std::string& name, int64_t out);
  Value linear_activation(Value x, const std::string& name, int64_t out, Activation activation,
                          bool bias = true) {
    return activate(linear(x, name, out, bias), activation);
  }
  Value conv2d(Value x, const std::string& name, int64_t out, Conv conv = {}, bool bias = true);
  // Convolutions recorded from now on wrap along these axes. Padding that differs between the two sides of an axis
  // stays zeros: a convolution of PyTorch has no such padding, so it is an op of its own in front of one (F.pad).
  void set_wrap(Wrap wrap) { wrap_ = wrap; }
  // A 1x1 convolution is the linear of every pixel; its weight is stored (out, in, 1, 1).
  Value conv1x1(Value x, const std::string& name, int64_t out) {
    return conv2d(x, name, out, {1, 1, 1, 0, 0, 0, 0});
  }
  Value group_norm(Value x, const std::string& name, int groups, float epsilon);
  // For the group norms recorded from now on.
  void set_norm_statistics(NormStatistics from) { norm_from_ = from; }
  // Of those group norms, in order: outputs (recorded) or inputs (given).
  const std::vector<Value>& norm_statistics() const { return norm_statistics_; }
  // Values recorded from now on may be kept in bf16 where what makes them is not multiplied in f32:
  // half the memory, at the price of their rounding. What is only read by products in bf16 is kept so anyway.
  void set_compact(bool compact) { compact_ = compact; }
  Value layer_norm(Value x, const std::string& name, float epsilon);
  Value activate(Value x, Activation activation);
  Value silu(Value x) { return activate(x, Activation::silu); }
  // Shapes equal, or b has one row per item, or b has a single item whose rows are repeated.
  Value add(Value a, Value b);
  Value concat_channels(Value a, Value b);
  Value concat_tokens(Value a, Value b);
  Value slice_channels(Value x, int64_t offset, int64_t count);
  // x must not be a slice of channels.
  Value reshape(Value x, Shape to);
  Value upsample(Value x, int64_t height, int64_t width);
  Value param_rows(const std::string& tensor, std::vector<int64_t> stored_shape, int64_t rows, int64_t channels,
                   int64_t batch);
  // Row ids[i] of the table `tensor` (rows, channels); ids is an i32 input with one id per row.
  Value embedding(Value ids, const std::string& tensor, int64_t rows, int64_t channels);
  // Row ids[i] of x (counted over its whole batch); out has ids' number of rows, in (n, 1, rows / n, c).
  Value gather_rows(Value x, Value ids);
  // Merging of tokens (ToMe) in a picture (n, h, w, c): the share `ratio` of an item's tokens
  // (at most all but one of every square of 2 x 2) that are most like another join it.
  // Result: i32 (n, h, w, 1), for merge_rows and, to undo it, gather_rows:
  // the row of each token among those that are left, counted over the batch. Invalid when none would merge.
  Value token_map(Value x, double ratio);
  // The tokens left, each the mean of those that became it: (n, 1, left, c).
  Value merge_rows(Value x, Value map);
  // k and v: (n, 1, tokens, heads * head_size).
  // `compute`: f32, int16 or bf16, see KeyValueShape.
  Value pack_kv(Value k, Value v, int heads, Compute compute = Compute::f32);

  struct Branch {
    Value kv;  // packed
    // (n, 1, 1, 1), or (n, 1, queries, 1) with one per query; or either of one item for all of them.
    // Read when the graph runs; 0 leaves the branch out altogether for an item, or a block of its queries.
    Value scale;
  };
  // softmax(q k' / sqrt(head_size)) v for `kv`, plus scale * the same for every branch,
  // each with its own softmax. q: (n, h, w, heads * head_size).
  // `causal` (a token sees itself and what came before) goes without branches. `scale`: of `kv`, as a branch has one.
  Value attention(Value q, Value kv, const std::vector<Branch>& branches = {}, bool causal = false,
                  Value scale = {});
  // Of the last item of an attention (not causal, in f32): (1, h, w, channels). First the probability of every token of
  // every part, mean over the heads and before any scale. Then, where there are spans, for each of the sources 1, 2, …:
  // |what its tokens add to the result| / |what those of source 0 add|, scales included; norms over all heads; 0 where
  // source 0 adds nothing. `spans` are in the order of their sources.
  Value attention_map(Value attention, std::vector<TokenSpan> spans = {});

  const Node& node(Value value) const { return nodes_[static_cast<size_t>(value.id)]; }
  const Shape& shape(Value value) const { return node(value).shape; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Value>& outputs() const { return outputs_; }
  const ParamSet* params() const { return params_; }
  // The first shape that did not fit: a bug in a network's code or a config that contradicts itself.
  const Status& status() const { return status_; }

 private:
  Value record(Node node);
  void check_attention_scale(const Shape& scales, const Shape& queries);
  const Param* param(std::vector<std::string> names, ParamRole role, std::vector<int64_t> shape);
  void fail(const std::string& what);
  void fail(Status status);

  const ParamSet* params_;
  ParamSet* declared_ = nullptr;
  std::vector<Node> nodes_;
  std::vector<Value> outputs_;
  NormStatistics norm_from_ = NormStatistics::own;
  bool compact_ = false;
  Wrap wrap_;
  std::vector<Value> norm_statistics_;
  Status status_;
};

}  // namespace ipa
