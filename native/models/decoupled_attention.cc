#include "models/decoupled_attention.h"

namespace ipa {
namespace {

Value keys_and_values(Graph& graph, const CrossLayer& layer, const std::string& k, const std::string& v,
                      Value tokens) {
  const Value both = graph.linears(tokens, {k, v}, layer.hidden, false);
  return graph.pack_kv(graph.slice_channels(both, 0, layer.hidden),
                       graph.slice_channels(both, layer.hidden, layer.hidden), layer.heads);
}

}  // namespace

std::vector<Value> build_text_keys(Graph& graph, const std::vector<CrossLayer>& layers, Value text) {
  std::vector<Value> result;
  for (const CrossLayer& layer : layers)
    result.push_back(keys_and_values(graph, layer, layer.name + ".to_k", layer.name + ".to_v", text));
  return result;
}

std::vector<Value> build_image_keys(Graph& graph, const std::vector<CrossLayer>& layers, Value tokens,
                                    const std::vector<bool>& used) {
  std::vector<Value> result;
  for (const CrossLayer& layer : layers) {
    if (layer.adapter_index < 0 || (!used.empty() && !used[result.size()])) {
      result.push_back(Value{});
      continue;
    }
    const std::string name = "ip_adapter." + std::to_string(layer.adapter_index);
    result.push_back(keys_and_values(graph, layer, name + ".to_k_ip", name + ".to_v_ip", tokens));
  }
  return result;
}

Value decoupled_attention(Graph& graph, const CrossLayer& layer, Value hidden, Value text_kv,
                          const std::vector<Graph::Branch>& branches) {
  const Value q = graph.linear(hidden, layer.name + ".to_q", layer.hidden, false);
  return graph.linear(graph.attention(q, text_kv, branches), layer.name + ".to_out.0", layer.hidden);
}

}  // namespace ipa
