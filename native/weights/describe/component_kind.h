// Tells from its tensors which network a file holds.
#pragma once

#include <string>

#include "weights/tensor_source.h"

namespace ipa {

enum class ComponentKind {
  model,
  ip_adapter,
  lora,
  embedding,
  unet,
  vae,
  text_encoder,
  image_encoder,
  controlnet,
  control_lora,
  t2i_adapter,
  inpaint_head,
  inpaint_patch,
  tensors
};

// "model" (a whole one, see weights/describe/single_file.h), "ip-adapter", "lora",
// "embedding" (textual inversion), "unet", "vae", "text_encoder", "image_encoder", "controlnet", "control-lora", "t2i-adapter",
// "inpaint-head" and "inpaint-patch" (Fooocus'), "tensors" (anything else).
const char* component_kind_name(ComponentKind kind);

// By names only; a CLIP file with both halves counts as the image encoder.
ComponentKind component_kind(const TensorSource& source);

// Model family of a UNet by its structure: "sdxl" (has the added time-and-size embedding), "sd2" (linear
// projections around its transformers), "sd1" (1x1 convolutions there), or "" when it has no cross-attention.
std::string unet_family(const TensorSource& source);

// Model family that text features of `cross_size` belong to: 768 "sd1", 1024 "sd2", 2048 "sdxl", else "".
std::string family_of_cross_size(int64_t cross_size);

}  // namespace ipa
