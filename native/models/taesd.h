// AutoencoderTiny (TAESD): small distilled networks in place of AutoencoderKL's decoder and encoder.
#pragma once

#include <vector>

#include "base/config_reader.h"
#include "graph/graph.h"

namespace ipa {

struct TaesdConfig {
  std::vector<int64_t> channels = {64, 64, 64, 64};  // of each stage, from the latents up
  std::vector<int64_t> blocks = {3, 3, 3, 1};        // residual blocks of each stage
  // Of the encoder, from the picture down.
  std::vector<int64_t> encoder_channels = {64, 64, 64, 64};
  std::vector<int64_t> encoder_blocks = {1, 3, 3, 3};
  int64_t out_channels = 3;
  Activation activation = Activation::relu;

  // Pixels a latent covers along a side.
  int64_t scale() const { return int64_t{1} << (channels.size() - 1); }
  static TaesdConfig parse(ConfigReader& reader);
};

// latents (n, h, w, c), divided by the scaling factor; result (n, scale * h, scale * w, 3) in about [-1, 1].
Value taesd_decode(Graph& graph, const TaesdConfig& config, Value latents);
// pixels (n, h, w, 3) in [0, 1]; result (n, h / scale, w / scale, latent_channels), multiplied by no scaling
// factor.
Value taesd_encode(Graph& graph, const TaesdConfig& config, Value pixels, int64_t latent_channels);

}  // namespace ipa
