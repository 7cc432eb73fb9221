// The pieces UNets and VAEs are made of: residual blocks and transformers over pictures.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "models/decoupled_attention.h"

namespace ipa {

// ResnetBlock2D: norm, activation, conv, plus the time embedding, norm, activation, conv, plus the input.
// `time` is the activated time embedding, invalid in VAEs. A 1x1 shortcut stands where the widths differ.
Value resnet_block(Graph& graph, const std::string& name, Value x, int64_t out, Value time, int groups,
                   float epsilon, Activation activation);

// Self-attention among rows of `qkv`, a linear that holds queries, keys and values side by side:
// in 16 bits where its weights are not in f32.
Value attend_within(Graph& graph, Value qkv, int heads);

// Where a transformer finds the prompts of its cross-attention layers.
struct CrossInputs {
  const std::vector<CrossLayer>* layers = nullptr;
  // All in the order of `layers`; branches may be fewer, and text_kv alone is needed.
  const std::vector<Value>* text_kv = nullptr;
  const std::vector<std::vector<Graph::Branch>>* branches = nullptr;
  const std::vector<Value>* text_scales = nullptr;
  std::vector<LayerMap>* maps = nullptr;
  // Of a transformer's layers, which follow each other.
  size_t first_of(const std::string& transformer) const;
};

// Transformer2DModel: group norm, projection, blocks of self-attention, cross-attention and GEGLU feed-forward,
// projection, plus the input.
struct TransformerShape {
  int heads = 8, blocks = 1, groups = 32;
  bool linear_projection = false, only_cross_attention = false;
  double merge_ratio = 0;  // share of the tokens that self-attention merges (ToMe, Bolya and Hoffman 2023)
};
Value transformer(Graph& graph, const std::string& name, const TransformerShape& shape, Value x,
                  const CrossInputs& cross);

}  // namespace ipa
