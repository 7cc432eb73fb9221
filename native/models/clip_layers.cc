#include "models/clip_layers.h"

namespace ipa {

Value clip_layers(Graph& graph, const ClipStack& stack, const std::string& prefix, int first, int last, Value x,
                  bool causal) {
  const int64_t width = stack.hidden_size;
  for (int i = first; i < last; ++i) {
    const std::string layer = prefix + ".layers." + std::to_string(i) + ".";
    const std::string attention = layer + "self_attn.";
    const Value normed = graph.layer_norm(x, layer + "layer_norm1", stack.epsilon);
    const Value qkv =
        graph.linears(normed, {attention + "q_proj", attention + "k_proj", attention + "v_proj"}, width, true);
    const Value kv = graph.pack_kv(graph.slice_channels(qkv, width, width),
                                   graph.slice_channels(qkv, 2 * width, width), stack.heads);
    const Value mixed = graph.attention(graph.slice_channels(qkv, 0, width), kv, {}, causal);
    x = graph.add(x, graph.linear(mixed, attention + "out_proj", width));
    const Value inner = graph.linear_activation(graph.layer_norm(x, layer + "layer_norm2", stack.epsilon),
                                                layer + "mlp.fc1", stack.intermediate_size, stack.activation);
    x = graph.add(x, graph.linear(inner, layer + "mlp.fc2", width));
  }
  return x;
}

}  // namespace ipa
