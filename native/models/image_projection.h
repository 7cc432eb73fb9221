// The adapter's image projection: what the image encoder gives, to the tokens that cross-attention reads
// (IP-Adapter, Ye et al. 2023, section 3.2). Parameters carry the names of the adapter file.
#pragma once

#include "graph/graph.h"

namespace ipa {

enum class ProjectionKind {
  base,  // Linear and LayerNorm over the image embedding
  plus,  // Resampler over the hidden states
  full,  // an MLP on every hidden state
};

struct ImageProjectionConfig {
  ProjectionKind kind = ProjectionKind::base;
  int64_t tokens = 4;         // a picture becomes; `full`: as many as hidden states come in
  int64_t embed_size = 1024;  // of the embedding or of a hidden state
  int64_t cross_size = 768;   // of a token
  // Resampler
  int64_t dim = 768, ff = 3072;
  int heads = 12, depth = 4;
};

// features: base (n, 1, 1, embed_size); plus and full (n, 1, hidden states, embed_size). Result: (n, 1, tokens,
// cross_size).
Value build_image_projection(Graph& graph, const ImageProjectionConfig& config, Value features);

}  // namespace ipa
