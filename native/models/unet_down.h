// The way down of a UNet.
#pragma once

#include <vector>

#include "models/unet_builder.h"

namespace ipa {

// The `count` (at least 1) outermost skip connections, the outermost first.
// The last of all is what the middle reads.
std::vector<Value> unet_down(const UNetBuilder& unet, Value latents, size_t count);

}  // namespace ipa
