#include "models/clip_layers.h"

namespace ipa {

Activation read_clip_activation(ConfigReader& reader, const char* key, const std::string& fallback) {
  const std::string name = reader.text(key, fallback);
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  if (name == "silu" || name == "swish") return Activation::silu;
  reader.fail(Code::unsupported,
              std::string(key) + " \"" + name.substr(0, 60) + "\" is not supported by this version");
  return Activation::quick_gelu;
}

ClipStack read_clip_stack(ConfigReader& reader, const ClipStack& defaults) {
  ClipStack stack;
  stack.hidden_size = reader.integer("hidden_size", defaults.hidden_size, 1, 16384);
  stack.intermediate_size = reader.integer("intermediate_size", defaults.intermediate_size, 1, 65536);
  stack.layers = static_cast<int>(reader.integer("num_hidden_layers", defaults.layers, 1, 256));
  stack.heads = static_cast<int>(reader.integer("num_attention_heads", defaults.heads, 1, 256));
  stack.epsilon = static_cast<float>(reader.number("layer_norm_eps", 1e-5, 0, 1));
  stack.activation = read_clip_activation(reader, "hidden_act", "quick_gelu");
  if (stack.hidden_size % stack.heads != 0)
    reader.fail(Code::invalid_option, "hidden_size does not divide by num_attention_heads");
  return stack;
}

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
