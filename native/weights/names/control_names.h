// The names that the original layout has for a ControlNet's layers; those of its UNet half are in ldm_names.h.
#pragma once

#include <string>
#include <string_view>

#include "weights/names/ldm_names.h"

namespace ipa {

// Of a layer ("controlnet_down_blocks.3"), in a network that reads the picture with so many convolutions between the first
// and the last. `unet`: the names of what a UNet has, too. "" when it has none.
std::string ldm_control_layer(const LdmUNetNames& unet, std::string_view layer, int picture_blocks);

}  // namespace ipa
