// AutoencoderTiny (TAESD): small distilled networks in place of AutoencoderKL's decoder and encoder.
#pragma once

#include "configs/vae_config.h"
#include "graph/graph.h"

namespace ipa {

// latents (n, h, w, c), divided by the scaling factor; result (n, scale * h, scale * w, 3) in about [-1, 1].
Value taesd_decode(Graph& graph, const TaesdConfig& config, Value latents);
// pixels (n, h, w, 3) in [0, 1]; result (n, h / scale, w / scale, latent_channels),
// multiplied by no scaling factor.
Value taesd_encode(Graph& graph, const TaesdConfig& config, Value pixels, int64_t latent_channels);

}  // namespace ipa
