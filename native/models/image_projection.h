// The adapter's image projection: what the image encoder gives, to the tokens that cross-attention reads
// (IP-Adapter, Ye et al. 2023, section 3.2). Parameters carry the names of the adapter file.
#pragma once

#include "graph/graph.h"

namespace ipa {

enum class ProjectionKind {
  base,       // Linear and LayerNorm over the image embedding
  plus,       // Resampler over the hidden states; over face embeddings in "portrait unnorm"
  full,       // an MLP on every hidden state
  face,       // an MLP and LayerNorm over a face embedding (FaceID, FaceID portrait)
  face_plus,  // the same, its tokens then the latents of a Resampler over the hidden states (FaceID Plus)
};

struct ImageProjectionConfig {
  ProjectionKind kind = ProjectionKind::base;
  int64_t tokens = 4;         // a picture becomes; `full`: as many as hidden states come in
  int64_t embed_size = 1024;  // of the embedding or of a hidden state; 0: it reads none
  int64_t face_size = 0;      // of a face embedding; 0: it reads none
  int64_t face_hidden = 0;    // inner width of the MLP over it
  int64_t cross_size = 768;   // of a token
  bool shortcut = false;      // FaceID PlusV2: the face's tokens are added to what the Resampler makes of them
  // Resampler
  int64_t dim = 768, ff = 3072;
  int heads = 12, depth = 4;

  // Of what goes into `features`: to a Resampler of faces alone, a face is the one hidden state.
  int64_t feature_size() const { return kind == ProjectionKind::plus && face_size ? face_size : embed_size; }
};

struct ImageTokens {
  Value tokens;  // (n, 1, tokens, cross_size)
  Value faces;   // with a shortcut the result is faces + structure scale * tokens; else not valid
};

// features: base (n, 1, 1, embed_size); plus, full and face_plus (n, 1, hidden states, feature_size()).
// faces: (n, 1, 1, face_size). What a kind does not read may be invalid.
ImageTokens build_image_projection(Graph& graph, const ImageProjectionConfig& config, Value features,
                                   Value faces = {});

}  // namespace ipa
