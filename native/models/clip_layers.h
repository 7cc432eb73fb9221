// The pre-norm transformer that CLIP's text and image encoders share (Radford et al. 2021).
#pragma once

#include <string>

#include "configs/clip_config.h"
#include "graph/graph.h"

namespace ipa {

// Layers [first, last) of `prefix`.layers on x (n, 1, tokens, hidden_size).
Value clip_layers(Graph& graph, const ClipStack& stack, const std::string& prefix, int first, int last, Value x,
                  bool causal);

}  // namespace ipa
