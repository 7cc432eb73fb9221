// Where the original checkpoints (LDM for Stable Diffusion, sgm for SDXL) keep what diffusers
// and transformers call by another name: VAE and text encoders. For the UNet see ldm_names.h.
#pragma once

#include <string>
#include <string_view>

namespace ipa {

// A tensor of the original, or a part of it.
struct OriginalTensor {
  std::string name;         // "" when there is none
  int third = -1;           // 0 to 2: of three parts along the first dimension (q, k, v side by side)
  bool transposed = false;  // stored (in, out)
};

// `tensor` as AutoencoderKL has it, of a VAE with `levels` levels,
// which the original counts from the other end.
OriginalTensor ldm_vae_tensor(std::string_view tensor, int levels);
// The original's name of a VAE attention's "to_q.weight" (see attention_tensor): "q.weight".
std::string ldm_vae_attention(std::string_view part);
// `tensor` as CLIPTextModel(WithProjection) has it, in the naming of open_clip.
OriginalTensor open_clip_text_tensor(std::string_view tensor);
// `tensor` as CLIPVisionModelWithProjection has it, in the naming of open_clip, without its "visual.".
OriginalTensor open_clip_vision_tensor(std::string_view tensor);

}  // namespace ipa
