// What a UNet is told of a step besides the latents.
#pragma once

#include "configs/unet_config.h"
#include "models/unet_inputs.h"

namespace ipa {

// Time, class and SDXL's size embeddings added up:
// one activated vector per item, (1 or n, 1, 1, time_embedding_size).
Value unet_embedding(Graph& graph, const UNetConfig& config, const UNetInputs& inputs);

}  // namespace ipa
