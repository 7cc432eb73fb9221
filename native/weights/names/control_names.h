// The names that the original layout has for a ControlNet's layers; those of its UNet half are in ldm_names.h.
#pragma once

#include <string>
#include <string_view>

namespace ipa {

// Of a layer that a UNet has not ("controlnet_down_blocks.3"), in a network that reads the picture with so many
// convolutions between the first and the last; "" where the UNet's names hold.
std::string ldm_control_layer(std::string_view layer, int picture_blocks);

}  // namespace ipa
