// What each of a network's weights is multiplied in.
#pragma once

#include "graph/params.h"

namespace ipa {

// Marks the parameters of a network, to be called before they are packed and the network is described
// to be run. What is sensitive or costs next to nothing stays in f32: the first and last convolution,
// everything of the timestep, and the keys and values of the prompts, which are computed once per generation.
// With int8 the residual blocks of the last up block are in int16: most of int8's error comes from there,
// above all from their shortcuts, whose input nothing has normalised (measured by bench/sensitivity.mjs).
void choose_compute(ParamSet& params, Compute compute);

struct NetworkCompute {
  Compute compute = Compute::f32;
  bool on_gpu = false;
};

// The same on the CPU. On a GPU all matrices are multiplied in 16 bits and f32 sums, and activations are kept in these
// (as diffusers does in that dtype); with int8_weights the large ones keep their weights in bytes. In f32 all is f32.
void choose_compute(ParamSet& params, NetworkCompute network);

// The following choose for the CPU, of what `dtype` asks for; pipeline/load/part_computes.h chooses for all devices.
//
// What a UNet asked for in `asked` is multiplied in. Where bytes are not multiplied faster than words,
// int8 keeps its weights and its memory, and multiplies in words: faster there, and more exact.
Compute unet_compute(Compute asked, bool fast_bytes);
// What the encoders of text and pictures are multiplied in then: their few passes take no time,
// but their weights memory, and features are sensitive to the rounding of activations.
Compute encoder_compute(Compute asked);
// And the VAE: its last layers are pixels, where integers of eight bits would show.
// With int8 it is in bf16 where that is fast, since it then needs least memory, else in int16.
Compute vae_compute(Compute asked, bool fast_bf16);
// Whether it may keep its largest activations in bf16.
bool compact_vae(Compute asked);

}  // namespace ipa
