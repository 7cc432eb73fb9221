#include "graph/graph.h"

namespace ipa {

Value Graph::record(Node node) {
  node.compact = compact_;
  nodes_.push_back(std::move(node));
  return Value{static_cast<int32_t>(nodes_.size() - 1)};
}

const Param* Graph::param(std::vector<std::string> names, ParamRole role, std::vector<int64_t> shape) {
  if (declared_) return declared_->declare(std::move(names), role, std::move(shape));
  if (const Param* known = params_->find(names, role, shape)) return known;
  fail("parameter " + names.front() + " was never declared");
  static const Param missing;
  return &missing;
}

void Graph::fail(const std::string& what) { fail(Status(Code::internal, what)); }

void Graph::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

Value Graph::input(Shape shape, Storage storage) {
  Node node;
  node.storage = storage;
  node.shape = shape;
  return record(std::move(node));
}

Value Graph::packed_kv_input(KeyValueShape kv) {
  Node node;
  node.storage = Storage::packed_kv;
  node.kv = kv;
  if (params_->activations != Storage::f32)
    node.kv.compute = params_->activations == Storage::f16 ? Compute::f16 : Compute::bf16;
  node.shape = tokens_shape(kv.batch, kv.tokens, static_cast<int64_t>(kv.heads) * kv.head_size);
  return record(std::move(node));
}

Value Graph::linear(Value x, const std::string& name, int64_t out, bool bias) {
  return linears(x, {name}, out, bias);
}

Value Graph::linears(Value x, const std::vector<std::string>& names, int64_t out_each, bool bias) {
  std::vector<std::string> weights, biases;
  for (const std::string& name : names) {
    weights.push_back(name + ".weight");
    biases.push_back(name + ".bias");
  }
  Node node;
  node.op = Op::linear;
  node.inputs = {x};
  node.shape = shape(x).with_channels(out_each * static_cast<int64_t>(names.size()));
  node.params = {param(weights, ParamRole::linear, {out_each, shape(x).c}),
                 bias ? param(biases, ParamRole::vector, {out_each}) : nullptr};
  return record(std::move(node));
}

Value Graph::geglu_linear(Value x, const std::string& name, int64_t out) {
  Node node;
  node.op = Op::geglu_linear;
  node.inputs = {x};
  node.shape = shape(x).with_channels(out);
  node.params = {param({name + ".weight"}, ParamRole::geglu_linear, {2 * out, shape(x).c}),
                 param({name + ".bias"}, ParamRole::vector, {2 * out})};
  return record(std::move(node));
}

Value Graph::conv2d(Value x, const std::string& name, int64_t out, Conv conv, bool bias) {
  const Shape& in = shape(x);
  const int64_t h = (in.h + conv.pad_top + conv.pad_bottom - conv.kernel_h) / conv.stride + 1;
  const int64_t w = (in.w + conv.pad_left + conv.pad_right - conv.kernel_w) / conv.stride + 1;
  if (in.h + conv.pad_top + conv.pad_bottom < conv.kernel_h ||
      in.w + conv.pad_left + conv.pad_right < conv.kernel_w)
    // No bug: which sizes a model can take is its configuration's doing.
    fail(Status::option("width", "the picture is too small for this model (at its layer " + name +
                                     "): use a larger width and height"));
  Node node;
  node.op = Op::conv2d;
  node.inputs = {x};
  node.conv = conv;
  node.wrap = {wrap_.x && conv.pad_left == conv.pad_right, wrap_.y && conv.pad_top == conv.pad_bottom};
  node.shape = {in.n, h, w, out};
  node.params = {param({name + ".weight"}, ParamRole::conv2d, {out, in.c, conv.kernel_h, conv.kernel_w}),
                 bias ? param({name + ".bias"}, ParamRole::vector, {out}) : nullptr};
  return record(std::move(node));
}

Value Graph::group_norm(Value x, const std::string& name, int groups, float epsilon) {
  const Shape in = shape(x);
  if (groups < 1 || in.c % groups != 0) fail(name + ": channels do not divide into groups");
  Node node;
  node.op = Op::group_norm;
  node.inputs = {x};
  node.shape = in;
  node.groups = groups;
  node.epsilon = epsilon;
  node.params = {param({name + ".weight"}, ParamRole::vector, {in.c}),
                 param({name + ".bias"}, ParamRole::vector, {in.c})};
  if (norm_from_ == NormStatistics::own) return record(std::move(node));
  Node apply;
  apply.op = Op::norm_apply;
  apply.shape = in;
  const Shape statistics{in.n, 1, 1, 3 * in.c};
  if (norm_from_ == NormStatistics::given) {
    norm_statistics_.push_back(input(statistics));
  } else {
    node.op = Op::norm_statistics;
    node.shape = statistics;
    norm_statistics_.push_back(record(std::move(node)));
    output(norm_statistics_.back());
  }
  apply.inputs = {x, norm_statistics_.back()};
  return record(std::move(apply));
}

Value Graph::layer_norm(Value x, const std::string& name, float epsilon) {
  Node node;
  node.op = Op::layer_norm;
  node.inputs = {x};
  node.shape = shape(x);
  node.epsilon = epsilon;
  node.params = {param({name + ".weight"}, ParamRole::vector, {shape(x).c}),
                 param({name + ".bias"}, ParamRole::vector, {shape(x).c})};
  return record(std::move(node));
}

Value Graph::activate(Value x, Activation activation) {
  if (activation == Activation::none) return x;
  Node node;
  node.op = Op::activation;
  node.inputs = {x};
  node.shape = shape(x);
  node.activation = activation;
  return record(std::move(node));
}

Value Graph::add(Value a, Value b) {
  const Shape& x = shape(a);
  const Shape& y = shape(b);
  const bool same = x == y;
  const bool row_an_item = y.rows_per_item() == 1 && (y.n == x.n || y.n == 1);
  const bool one_item = y.n == 1 && y.h == x.h && y.w == x.w;
  if (x.c != y.c || !(same || row_an_item || one_item)) fail("add: shapes do not fit");
  Node node;
  node.op = Op::add;
  node.inputs = {a, b};
  node.shape = x;
  return record(std::move(node));
}

Value Graph::concat_channels(Value a, Value b) {
  const Shape &x = shape(a), &y = shape(b);
  if (x.n != y.n || x.h != y.h || x.w != y.w) fail("concat_channels: pictures of different size");
  Node node;
  node.op = Op::concat_channels;
  node.inputs = {a, b};
  node.shape = x.with_channels(x.c + y.c);
  return record(std::move(node));
}

Value Graph::concat_tokens(Value a, Value b) {
  const Shape &x = shape(a), &y = shape(b);
  if (x.n != y.n || x.c != y.c) fail("concat_tokens: different batch or width");
  Node node;
  node.op = Op::concat_tokens;
  node.inputs = {a, b};
  node.shape = tokens_shape(x.n, x.rows_per_item() + y.rows_per_item(), x.c);
  return record(std::move(node));
}

Value Graph::slice_channels(Value x, int64_t offset, int64_t count) {
  if (offset < 0 || count < 1 || offset + count > shape(x).c) fail("slice_channels: outside the channels");
  Node node;
  node.op = Op::slice_channels;
  node.inputs = {x};
  node.shape = shape(x).with_channels(count);
  node.offset = offset;
  return record(std::move(node));
}

Value Graph::reshape(Value x, Shape to) {
  if (shape(x).elements() != to.elements() || node(x).op == Op::slice_channels) fail("reshape: sizes differ");
  Node node;
  node.op = Op::reshape;
  node.inputs = {x};
  node.shape = to;
  return record(std::move(node));
}

Value Graph::upsample(Value x, int64_t height, int64_t width) {
  Node node;
  node.op = Op::upsample;
  node.inputs = {x};
  node.shape = {shape(x).n, height, width, shape(x).c};
  return record(std::move(node));
}

}  // namespace ipa
