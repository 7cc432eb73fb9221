// UNet2DConditionModel of SD 1.x, SD 2.x and SDXL: predicts noise (or v, or the sample) from noisy latents,
// a timestep and prompts. Block structure and names follow diffusers.
#pragma once

#include <string>
#include <vector>

#include "configs/unet_config.h"
#include "graph/graph.h"
#include "models/decoupled_attention.h"
#include "models/unet_inputs.h"

namespace ipa {

class UNet {
 public:
  explicit UNet(UNetConfig config);
  const UNetConfig& config() const { return config_; }
  // In the order of execution; text_kv and branches follow it.
  const std::vector<CrossLayer>& cross_layers() const { return cross_layers_; }
  // Transformer2DModel by Transformer2DModel, in the order of execution: "down_blocks.0.attentions.1".
  const std::vector<std::string>& attention_modules() const { return attention_modules_; }
  // Rows and columns of the latents after so many halvings.
  int64_t side_at(int level, int64_t side) const;
  // The largest depth of DeepFeatures.
  int skip_connections() const { return static_cast<int>(config_.skip_connections()); }
  // Result: (n, h, w, out_channels). `maps`: one per cross layer; those of layers that are left out stay without value.
  Value build(Graph& graph, const UNetInputs& inputs, DeepFeatures* features = nullptr,
              std::vector<LayerMap>* maps = nullptr) const;

 private:
  UNetConfig config_;
  std::vector<CrossLayer> cross_layers_;
  std::vector<std::string> attention_modules_;
};

// Sinusoidal embedding of a number (DDPM; diffusers get_timestep_embedding): `size` floats.
void timestep_sinusoid(double value, int64_t size, bool flip_sin_to_cos, double freq_shift, float* out);

}  // namespace ipa
