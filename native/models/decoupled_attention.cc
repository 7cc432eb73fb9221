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

std::vector<Value> build_image_keys(Graph& graph, const std::vector<CrossLayer>& layers,
                                    const std::vector<KeyTokens>& tokens) {
  std::vector<Value> result;
  for (const CrossLayer& layer : layers) {
    const KeyTokens& own = tokens[result.size()];
    if (layer.adapter_index < 0 || !own.keys.valid()) {
      result.push_back(Value{});
      continue;
    }
    const std::string name = "ip_adapter." + std::to_string(layer.adapter_index);
    const std::vector<std::string> both = {name + ".to_k_ip", name + ".to_v_ip"};
    const Value k = graph.slice_channels(graph.linears(own.keys, both, layer.hidden, false), 0, layer.hidden);
    const Value v =
        graph.slice_channels(graph.linears(own.values, both, layer.hidden, false), layer.hidden, layer.hidden);
    result.push_back(graph.pack_kv(k, v, layer.heads));
  }
  return result;
}

Value decoupled_attention(Graph& graph, const CrossLayer& layer, Value hidden, Graph::Branch text,
                          const std::vector<Graph::Branch>& branches, LayerMap* map) {
  const Value q = graph.linear(hidden, layer.name + ".to_q", layer.hidden, false);
  const Value all = graph.attention(q, text.kv, branches, false, text.scale);
  if (map && map->wanted) map->value = graph.attention_map(all, map->spans);
  return graph.linear(all, layer.name + ".to_out.0", layer.hidden);
}

}  // namespace ipa
