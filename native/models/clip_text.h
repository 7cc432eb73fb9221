// CLIP text encoder: token ids to text features. CLIPTextModel and CLIPTextModelWithProjection of transformers.
#pragma once

#include <algorithm>
#include <utility>

#include "configs/clip_config.h"
#include "graph/graph.h"

namespace ipa {

class ClipText {
 public:
  explicit ClipText(ClipTextConfig config) : config_(std::move(config)) {}
  const ClipTextConfig& config() const { return config_; }
  // (vocab_size, hidden_size): a row for every token.
  static constexpr const char* token_table = "text_model.embeddings.token_embedding.weight";

  struct Outputs {
    Value last;         // (n, 1, context, hidden): after the final layer norm
    Value penultimate;  // hidden_states[-2]: before the last layer, no norm
    Value pooled;       // (n, 1, 1, projection): with projection and eos rows only
    // The first two with `skip` layers fewer before them (clip skip); the same for 0.
    Value last_skipped, penultimate_skipped;
  };
  // Largest `skip` there are layers for.
  int most_skipped() const { return std::max(0, config_.stack.layers - 1); }
  // ids: i32 (n, 1, context, 1). eos_rows: i32 (n, 1, 1, 1), rows counted over the batch; may be invalid.
  Outputs build(Graph& graph, Value ids, Value eos_rows, int skip = 0) const;

 private:
  ClipTextConfig config_;
};

}  // namespace ipa
