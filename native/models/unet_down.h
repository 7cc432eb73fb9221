// The way down of a UNet.
#pragma once

#include <vector>

#include "models/unet_builder.h"

namespace ipa {

// The `count` (at least 1) outermost skip connections, the outermost first.
// The last of all is what the middle reads.
struct DownAdditions {
  Value first;                // to what the first convolution makes of the latents
  std::vector<Value> levels;  // to what each level hands down
};
std::vector<Value> unet_down(const UNetBuilder& unet, Value latents, size_t count,
                             const DownAdditions& additions = {});

}  // namespace ipa
