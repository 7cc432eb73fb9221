// Cross-attention with image branches:
// Z = Attn(Q, K, V) + sum_a scale_a Attn(Q, K'_a, V'_a) (IP-Adapter, Ye et al. 2023, eq. 5).
// Keys and values depend on the prompts alone, so they are computed once per generation by graphs of their own.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace ipa {

// One cross-attention layer of a UNet.
struct CrossLayer {
  std::string name;  // "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
  int64_t hidden = 0;
  int heads = 0;
  // N of the adapter's tensors ip_adapter.N.to_{k,v}_ip.weight: odd, counted over down, up, then mid blocks;
  // -1 for the attn1 of an only_cross_attention block, which adapters leave alone.
  int adapter_index = -1;
  int module = 0;  // of the UNet's attention modules, in the order of execution
  int level = 0;   // how often the latents were halved on the way to it
};

// Keys and values of the text for every layer, in the order of `layers`. text: (n, 1, tokens, cross size).
std::vector<Value> build_text_keys(Graph& graph, const std::vector<CrossLayer>& layers, Value text);

// Keys and values of the image tokens; the graph's parameters are the adapter's.
// A layer without adapter index has an invalid value, and so has one that `used` leaves out where it has entries.
std::vector<Value> build_image_keys(Graph& graph, const std::vector<CrossLayer>& layers, Value tokens,
                                    const std::vector<bool>& used = {});
// The same of tokens that differ from layer to layer, and for keys and values; an invalid pair leaves a layer out.
struct KeyTokens {
  Value keys, values;
};
std::vector<Value> build_image_keys(Graph& graph, const std::vector<CrossLayer>& layers,
                                    const std::vector<KeyTokens>& tokens);

// What is asked about one layer: its attention map, see Graph::attention_map().
struct LayerMap {
  bool wanted = false;
  std::vector<TokenSpan> spans;
  Value value;  // once the layer is described
};

// The attention of one layer on normed hidden states; `text` without scale counts fully. `map` may be null.
Value decoupled_attention(Graph& graph, const CrossLayer& layer, Value hidden, Graph::Branch text,
                          const std::vector<Graph::Branch>& branches, LayerMap* map);

}  // namespace ipa
