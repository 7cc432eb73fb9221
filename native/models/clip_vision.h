// CLIP vision encoder: pixels to an image embedding or to hidden states.
// CLIPVisionModelWithProjection of transformers.
#pragma once

#include <utility>

#include "configs/clip_config.h"
#include "graph/graph.h"

namespace ipa {

class ClipVision {
 public:
  explicit ClipVision(ClipVisionConfig config) : config_(std::move(config)) {}
  const ClipVisionConfig& config() const { return config_; }

  struct Outputs {
    Value penultimate;  // hidden_states[-2] (n, 1, tokens, hidden), class token first, no norm
    Value embedding;    // image_embeds (n, 1, 1, projection), not normalised
  };
  // pixels: (n, image_size, image_size, 3), normalised. class_rows: i32 (n, 1, 1, 1), i * tokens() for item i.
  Outputs build(Graph& graph, Value pixels, Value class_rows) const;

 private:
  ClipVisionConfig config_;
};

}  // namespace ipa
