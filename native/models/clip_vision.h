// CLIP vision encoder: pixels to an image embedding or to hidden states. CLIPVisionModelWithProjection of
// transformers.
#pragma once

#include <string>

#include "graph/graph.h"
#include "models/clip_layers.h"

namespace ipa {

struct ClipVisionConfig {
  ClipStack stack;
  int64_t image_size = 224, patch_size = 14, projection_size = 1024;
  int64_t grid() const { return image_size / patch_size; }
  int64_t tokens() const { return grid() * grid() + 1; }

  static Result<ClipVisionConfig> parse(const Json& json, const std::string& where);
};

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
