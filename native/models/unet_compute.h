// Which of a UNet's weights are multiplied in int8.
#pragma once

#include "graph/params.h"

namespace ipa {

// Marks the parameters, to be called before they are packed. What is sensitive or costs next to nothing stays
// in f32: the first and last convolution, everything of the timestep, and the keys and values of the prompts,
// which are computed once a generation.
void use_int8(ParamSet& unet);

}  // namespace ipa
