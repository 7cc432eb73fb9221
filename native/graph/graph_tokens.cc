// Ops over tokens: tables and their rows, merging, attention.
#include <algorithm>

#include "graph/graph.h"

namespace ipa {

Value Graph::param_rows(const std::string& tensor, std::vector<int64_t> stored_shape, int64_t rows,
                        int64_t channels, int64_t batch) {
  int64_t stored = 1;
  for (int64_t size : stored_shape) stored *= size;
  if (stored != rows * channels) fail(tensor + ": not as many rows as described");
  Node node;
  node.op = Op::param_rows;
  node.shape = tokens_shape(batch, rows, channels);
  node.params = {param({tensor}, ParamRole::rows, std::move(stored_shape))};
  return record(std::move(node));
}

Value Graph::embedding(Value ids, const std::string& tensor, int64_t rows, int64_t channels) {
  Node node;
  node.op = Op::gather_rows;
  node.inputs = {ids};
  node.shape = shape(ids).with_channels(channels);
  node.params = {param({tensor}, ParamRole::rows, {rows, channels})};
  return record(std::move(node));
}

Value Graph::gather_rows(Value x, Value ids) {
  Node node;
  node.op = Op::gather_rows;
  node.inputs = {ids, x};
  node.shape = shape(ids).with_channels(shape(x).c);
  return record(std::move(node));
}

Value Graph::token_map(Value x, double ratio) {
  const Shape& in = shape(x);
  const int64_t tokens = in.h * in.w, sources = tokens - in.h / 2 * (in.w / 2);
  Node node;
  node.op = Op::token_map;
  node.storage = Storage::i32;
  node.inputs = {x};
  node.shape = in.with_channels(1);
  node.offset = std::min(sources, static_cast<int64_t>(static_cast<double>(tokens) * ratio));
  if (node.offset <= 0 || sources == tokens) return {};
  return record(std::move(node));
}

Value Graph::merge_rows(Value x, Value map) {
  const Node& of = node(map);
  const Shape& in = shape(x);
  if (of.op != Op::token_map || in.n != of.shape.n || in.rows_per_item() != of.shape.rows_per_item())
    fail("merge_rows: a map of other tokens");
  Node node;
  node.op = Op::merge_rows;
  node.inputs = {x, map};
  node.shape = tokens_shape(in.n, in.rows_per_item() - of.offset, in.c);
  return record(std::move(node));
}

Value Graph::pack_kv(Value k, Value v, int heads, Compute compute) {
  const Shape& in = shape(k);
  if (!(in == shape(v)) || heads < 1 || in.c % heads != 0)
    fail("pack_kv: keys and values do not fit the heads");
  Node node;
  node.op = Op::pack_kv;
  node.storage = Storage::packed_kv;
  node.inputs = {k, v};
  node.shape = in;
  node.kv = {in.n, in.rows_per_item(), heads, static_cast<int>(in.c / (heads < 1 ? 1 : heads))};
  if (params_->activations != Storage::f32)
    node.kv.compute = params_->activations == Storage::f16 ? Compute::f16 : Compute::bf16;
  else if (node.kv.head_size <= KeyValueShape::widest_pairs)
    node.kv.compute = compute;
  return record(std::move(node));
}

void Graph::check_attention_scale(const Shape& scales, const Shape& queries) {
  const int64_t each = scales.rows_per_item();
  if (scales.c != 1 || (each != 1 && each != queries.rows_per_item()) ||
      (scales.n != 1 && scales.n != queries.n))
    fail("attention: a branch takes a scale per item, or one per query of each");
}

Value Graph::attention(Value q, Value kv, const std::vector<Branch>& branches, bool causal, Value scale) {
  Node node;
  node.op = Op::attention;
  node.shape = shape(q);
  node.kv = this->node(kv).kv;
  node.causal = causal;
  node.inputs = {q, kv};
  if (causal && !branches.empty()) fail("attention: a causal attention has no branches");
  // The CPU's pairs of 16 bits; a backend that keeps all in 16 bits attends to everything in them.
  const bool pairs = params_->activations == Storage::f32;
  if (pairs && node.kv.compute != Compute::f32 && (causal || !branches.empty() || scale.valid()))
    fail("attention: neither mask nor branches in 16 bits");
  for (const Branch& branch : branches) {
    const KeyValueShape& own = this->node(branch.kv).kv;
    if (own.heads != node.kv.heads || own.head_size != node.kv.head_size)
      fail("attention: branch of another width");
    if (pairs && own.compute != Compute::f32) fail("attention: a branch in 16 bits");
    if (!pairs && own.compute != node.kv.compute) fail("attention: a branch in another type");
    if (own.batch != node.kv.batch) fail("attention: branch of another batch");
    check_attention_scale(shape(branch.scale), node.shape);
    node.inputs.push_back(branch.kv);
    node.inputs.push_back(branch.scale);
  }
  // Behind all branches: an odd number of inputs.
  if (scale.valid()) {
    check_attention_scale(shape(scale), node.shape);
    node.inputs.push_back(scale);
  }
  if (node.kv.batch != node.shape.n || int64_t{node.kv.heads} * node.kv.head_size != node.shape.c)
    fail("attention: queries and keys do not fit");
  return record(std::move(node));
}

Value Graph::attention_map(Value attention, std::vector<TokenSpan> spans) {
  Node node = this->node(attention);
  const bool pairs = params_->activations == Storage::f32 && node.kv.compute != Compute::f32;
  if (node.op != Op::attention || node.causal || pairs)
    fail("attention_map: of an attention without mask, and on the CPU in f32");
  node.op = Op::attention_map;
  node.shape.n = 1;
  node.shape.c = 0;
  std::vector<int64_t> tokens;
  for (const size_t part : attention_parts(node.inputs.size())) {
    tokens.push_back(this->node(node.inputs[part]).kv.tokens);
    node.shape.c += tokens.back();
  }
  int source = 0;
  for (const TokenSpan& span : spans) {
    const bool known = span.part >= 0 && static_cast<size_t>(span.part) < tokens.size();
    if (!known || span.first < 0 || span.count < 1 ||
        span.first + span.count > tokens[static_cast<size_t>(span.part)])
      fail("attention_map: a span of tokens that there are not");
    if (span.source != source && span.source != source + 1) fail("attention_map: spans out of order");
    source = span.source;
  }
  node.shape.c += source;
  node.spans = std::move(spans);
  return record(std::move(node));
}

}  // namespace ipa
