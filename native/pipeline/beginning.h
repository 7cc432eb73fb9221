// What the steps of one picture begin with.
#pragma once

#include <vector>

#include "pipeline/prepared_call.h"

namespace ipa {

struct Beginning {
  std::vector<float> latents;
  // For blending, where the request has a mask that the UNet does not read:
  // the latents of the picture and the noise that is added to them.
  std::vector<float> picture, noise;
  // What the UNet reads beside the latents.
  std::vector<float> beside;
};

// Draws as the pipelines of diffusers do: latents of the picture, noise, latents of the masked picture.
// Hands the inpaint head what it reads; errors of running it.
Result<Beginning> begin_picture(const PreparedCall& prepared, size_t image, const Scheduler& scheduler,
                                Noise& noise);

// Puts the picture back where the mask is black, as noisy as the latents are before call `index`;
// without noise where `last`: no call follows.
void blend(const PreparedCall& prepared, const Beginning& beginning, const Scheduler& scheduler, int index,
           bool last, std::vector<float>& latents);

}  // namespace ipa
