// Which of a network's weights are multiplied in integers.
#pragma once

#include "graph/params.h"

namespace ipa {

// Marks the parameters of a UNet or a VAE, to be called before they are packed and the network is described to
// be run. What is sensitive or costs next to nothing stays in f32: the first and last convolution, everything
// of the timestep, and the keys and values of the prompts, which are computed once a generation. With int8 the
// residual blocks of the last up block are in int16: most of int8's error comes from there, above all from
// their shortcuts, whose input nothing has normalised (measured by bench/sensitivity.mjs).
void choose_compute(ParamSet& params, Compute compute);

}  // namespace ipa
