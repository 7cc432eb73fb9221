#include "pipeline/load/model_kind.h"

#include <string>

namespace ipa {

const char* family_name(Family family) {
  switch (family) {
    case Family::sd1: return "sd1";
    case Family::sd2: return "sd2";
    case Family::sdxl: return "sdxl";
  }
  return "";
}

Family family_of(const UNetConfig& unet) {
  return unet.text_time ? Family::sdxl : unet.linear_projection ? Family::sd2 : Family::sd1;
}

const char* task_name(Task task) {
  switch (task) {
    case Task::text_to_image: return "text-to-image";
    case Task::inpainting: return "inpainting";
    case Task::instruct: return "instruct";
  }
  return "";
}

Result<Task> task_of(const UNetConfig& unet) {
  const int64_t read = unet.in_channels, latents = unet.out_channels;
  if (read == latents) return Task::text_to_image;
  if (read == 2 * latents + 1) return Task::inpainting;
  if (read == 2 * latents) return Task::instruct;
  return Status(
      Code::unsupported,
      "a UNet with " + std::to_string(read) + " input channels for latents of " + std::to_string(latents) +
          " reads something that cannot be given to it here: pass a text-to-image model, an "
          "inpainting model (" +
          std::to_string(2 * latents + 1) + ") or an instruct model (" + std::to_string(2 * latents) + ")");
}

}  // namespace ipa
