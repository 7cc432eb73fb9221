// What kind of model a UNet makes: its family, and what it reads beside noisy latents.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "configs/unet_config.h"

namespace ipa {

enum class Family { sd1, sd2, sdxl };
const char* family_name(Family family);
// As weights/describe/component_kind tells a UNet's family from its tensors.
Family family_of(const UNetConfig& unet);

// What a UNet reads beside the noisy latents, told by its input channels: nothing;
// a mask and the latents of the picture around it (StableDiffusionInpaintPipeline);
// or the latents of the picture to change (StableDiffusionInstructPix2PixPipeline).
enum class Task : uint8_t { text_to_image, inpainting, instruct };
const char* task_name(Task task);
// Code::unsupported for any other number of channels.
Result<Task> task_of(const UNetConfig& unet);

}  // namespace ipa
