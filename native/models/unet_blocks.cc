#include "models/unet_blocks.h"

namespace ipa {

Value resnet_block(Graph& graph, const std::string& name, Value x, int64_t out, Value time, int groups,
                   float epsilon, Activation activation) {
  // First, so that the norm may replace x.
  const Value shortcut = graph.shape(x).c == out ? x : graph.conv1x1(x, name + ".conv_shortcut", out);
  Value h = graph.activate(graph.group_norm(x, name + ".norm1", groups, epsilon), activation);
  h = graph.conv2d(h, name + ".conv1", out);
  if (time.valid()) h = graph.add(h, graph.linear(time, name + ".time_emb_proj", out));
  h = graph.activate(graph.group_norm(h, name + ".norm2", groups, epsilon), activation);
  return graph.add(graph.conv2d(h, name + ".conv2", out), shortcut);
}

Value attend_within(Graph& graph, Value qkv, int heads) {
  const int64_t width = graph.shape(qkv).c / 3;
  // As exact as what made them.
  Compute compute = graph.node(qkv).params[0]->compute;
  if (compute == Compute::int8 || compute == Compute::int8_weights) compute = graph.params()->pairs;
  const Value kv = graph.pack_kv(graph.slice_channels(qkv, width, width),
                                 graph.slice_channels(qkv, 2 * width, width), heads, compute);
  return graph.attention(graph.slice_channels(qkv, 0, width), kv);
}

namespace {

constexpr float layer_norm_epsilon = 1e-5f;
constexpr float transformer_norm_epsilon = 1e-6f;

Value self_attention(Graph& graph, const std::string& name, int heads, Value normed) {
  const int64_t width = graph.shape(normed).c;
  const Value qkv = graph.linears(normed, {name + ".to_q", name + ".to_k", name + ".to_v"}, width, false);
  return graph.linear(attend_within(graph, qkv, heads), name + ".to_out.0", width);
}

// With the tokens most alike in `like` merged; each of them gets the result of its merged one.
Value merged_self_attention(Graph& graph, const std::string& name, const TransformerShape& shape, Value like,
                            Value normed) {
  const Value map = graph.token_map(like, shape.merge_ratio);
  if (!map.valid()) return self_attention(graph, name, shape.heads, normed);
  return graph.gather_rows(self_attention(graph, name, shape.heads, graph.merge_rows(normed, map)), map);
}

Value cross_attention(Graph& graph, Value normed, const CrossInputs& cross, size_t i) {
  static const std::vector<Graph::Branch> none;
  const bool adapted = cross.branches && i < cross.branches->size();
  const bool scaled = cross.text_scales && i < cross.text_scales->size();
  return decoupled_attention(graph, (*cross.layers)[i], normed,
                             {(*cross.text_kv)[i], scaled ? (*cross.text_scales)[i] : Value{}},
                             adapted ? (*cross.branches)[i] : none, cross.maps ? &(*cross.maps)[i] : nullptr);
}

}  // namespace

size_t CrossInputs::first_of(const std::string& transformer) const {
  const std::string prefix = transformer + ".";
  size_t i = 0;
  while (i < layers->size() && (*layers)[i].name.compare(0, prefix.size(), prefix) != 0) ++i;
  return i;
}

Value transformer(Graph& graph, const std::string& name, const TransformerShape& shape, Value x,
                  const CrossInputs& cross) {
  const int64_t width = graph.shape(x).c;
  const Value normed = graph.group_norm(x, name + ".norm", shape.groups, transformer_norm_epsilon);
  Value h = shape.linear_projection ? graph.linear(normed, name + ".proj_in", width)
                                    : graph.conv1x1(normed, name + ".proj_in", width);
  size_t next = cross.first_of(name);
  for (int i = 0; i < shape.blocks; ++i) {
    const std::string block = name + ".transformer_blocks." + std::to_string(i);
    const Value first = graph.layer_norm(h, block + ".norm1", layer_norm_epsilon);
    h = graph.add(h, shape.only_cross_attention
                         ? cross_attention(graph, first, cross, next++)
                         : merged_self_attention(graph, block + ".attn1", shape, h, first));
    const Value second = graph.layer_norm(h, block + ".norm2", layer_norm_epsilon);
    h = graph.add(h, cross_attention(graph, second, cross, next++));
    const Value wide = graph.geglu_linear(graph.layer_norm(h, block + ".norm3", layer_norm_epsilon),
                                          block + ".ff.net.0.proj", 4 * width);
    h = graph.add(h, graph.linear(wide, block + ".ff.net.2", width));
  }
  const Value out = shape.linear_projection ? graph.linear(h, name + ".proj_out", width)
                                            : graph.conv1x1(h, name + ".proj_out", width);
  return graph.add(out, x);
}

}  // namespace ipa
