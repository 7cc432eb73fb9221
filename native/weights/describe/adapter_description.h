// What an IP-Adapter is, told from its tensors alone.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

enum class AdapterVariant {
  base,                    // one Linear and a LayerNorm over the image embedding
  plus,                    // a Resampler over the image encoder's hidden states
  full,                    // an MLP on every hidden state
  faceid,                  // an MLP and a LayerNorm over a face embedding, and a LoRA of the UNet
  faceid_plus,             // the same, and a Resampler that its tokens enter; v1 and v2 have the same tensors
  faceid_portrait,         // as faceid, without LoRA
  faceid_portrait_unnorm,  // a Resampler over face embeddings that are not normalised
};

// "base", "plus", "full", "faceid", "faceid_plus", "faceid_portrait", "faceid_portrait_unnorm".
const char* adapter_variant_name(AdapterVariant variant);
// Which of the two an image prompt must have.
bool reads_pictures(AdapterVariant variant);
bool reads_faces(AdapterVariant variant);
// Whether what it reads of a picture are hidden states of the image encoder, not its one embedding.
bool reads_hidden_states(AdapterVariant variant);
// What InsightFace calls the face embedding that it reads: "normed_embedding", "embedding"; "" for none.
const char* face_embedding_name(AdapterVariant variant);

struct AdapterDescription {
  AdapterVariant variant = AdapterVariant::base;
  // Image tokens one picture or face becomes. `full` has one per token of the image encoder:
  // 257 for the released encoders, 0 (ask the encoder) when the width is of none of them.
  int tokens = 0;
  // What it reads of the image encoder:
  // the image embedding (base) or a hidden state (plus, full, faceid_plus); 0: nothing.
  int embed_size = 0;
  // Of a face embedding; 0: it reads none.
  int face_size = 0;
  int face_hidden = 0;  // inner width of the MLP over it
  // Width of an image token, which is the UNet's cross_attention_dim.
  int cross_size = 0;
  // Cross-attention layers with a K/V pair, their processor numbers (1, 3, 5, ...) and widths.
  int cross_layers = 0;
  std::vector<int> indices;
  std::vector<int> hidden_sizes;
  bool lora = false;  // for the UNet, inside the file
  // Heads are 64 wide.
  struct Resampler {
    int dim = 0;
    int heads = 0;
    int depth = 0;
    int ff = 0;  // inner width of the feed-forward
  } resampler;
  std::string encoder;  // what its embeddings come from, such as "ViT-H/14 (1024)"
  std::string family;   // "sd1", "sd2", "sdxl", or "custom", by cross_size
};

// Describes an adapter whose tensors are named `image_proj.*` and `ip_adapter.*`, and checks
// that it is complete: every tensor of its variant there with a consistent shape, K/V pairs at 1, 3, 5, ...
// without a gap. Code::mismatch (no IP-Adapter, or one for another architecture), missing_tensor, shape,
// unsupported (tensors no known variant has).
Result<AdapterDescription> describe_adapter(const TensorSource& source);

}  // namespace ipa
