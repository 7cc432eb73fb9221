// The pre-norm transformer that CLIP's text and image encoders share (Radford et al. 2021).
#pragma once

#include <cstdint>
#include <string>

#include "base/config_reader.h"
#include "graph/graph.h"

namespace ipa {

struct ClipStack {
  int64_t hidden_size = 768, intermediate_size = 3072;
  int layers = 12, heads = 12;
  float epsilon = 1e-5f;
  Activation activation = Activation::quick_gelu;
};

// Fields that both kinds of config.json share.
ClipStack read_clip_stack(ConfigReader& reader, const ClipStack& defaults);
// "quick_gelu", "gelu", "gelu_new"/"gelu_pytorch_tanh"; anything else is unsupported.
Activation read_clip_activation(ConfigReader& reader, const char* key, const std::string& fallback);

// Layers [first, last) of `prefix`.layers on x (n, 1, tokens, hidden_size).
Value clip_layers(Graph& graph, const ClipStack& stack, const std::string& prefix, int first, int last, Value x,
                  bool causal);

}  // namespace ipa
