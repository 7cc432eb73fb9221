// UNet2DConditionModel of SD 1.x, SD 2.x and SDXL: predicts noise (or v, or the sample) from noisy latents, a
// timestep and prompts. Block structure and names follow diffusers.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "models/decoupled_attention.h"
#include "models/unet_config.h"

namespace ipa {

struct UNetInputs {
  Value latents;   // (n, h, w, in_channels)
  Value sinusoid;  // (1 or n, 1, 1, sinusoid_size): timestep_sinusoid
  // Keys and values of the text, one per cross layer.
  std::vector<Value> text_kv;
  // Image branches of each cross layer; empty without adapters.
  std::vector<std::vector<Graph::Branch>> branches;
  Value addition;          // text_time: (n, 1, 1, addition_input_size)
  Value class_input;       // ids (n, 1, 1, 1) i32 for a table, otherwise the vector or sinusoid (n, 1, 1, size)
  Value time_cond;         // (n, 1, 1, time_cond_size)
  double merge_ratio = 0;  // of the tokens of self-attention at the outermost level that has any; 0: none
};

// Deep features kept from one pass to the next (DeepCache, Ma et al. 2024): of the skip connections, the
// `depth` outermost ones are computed anew in every pass; what comes up from within them is what is kept.
struct DeepFeatures {
  int depth = 0;
  // Given (an input): the pass starts here on its way up and leaves out all that lies deeper. Otherwise build()
  // says which value a later pass can be given.
  Value kept;
};

class UNet {
 public:
  explicit UNet(UNetConfig config);
  const UNetConfig& config() const { return config_; }
  // In the order of execution; text_kv and branches follow it.
  const std::vector<CrossLayer>& cross_layers() const { return cross_layers_; }
  // Skip connections, the largest depth of DeepFeatures.
  int skip_connections() const;
  // Result: (n, h, w, out_channels).
  Value build(Graph& graph, const UNetInputs& inputs, DeepFeatures* features = nullptr) const;

 private:
  UNetConfig config_;
  std::vector<CrossLayer> cross_layers_;
};

// Sinusoidal embedding of a number (DDPM; diffusers get_timestep_embedding): `size` floats.
void timestep_sinusoid(double value, int64_t size, bool flip_sin_to_cos, double freq_shift, float* out);

}  // namespace ipa
