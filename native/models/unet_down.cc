#include "models/unet_down.h"

namespace ipa {

std::vector<Value> unet_down(const UNetBuilder& unet, Value latents, size_t count) {
  const UNetConfig& c = unet.config();
  std::vector<Value> skips = {
      unet.same_size_conv("conv_in", latents, c.levels.front().channels, c.conv_in_kernel)};
  for (size_t i = 0; i < c.levels.size(); ++i) {
    const UNetConfig::Level& level = c.levels[i];
    const std::string block = "down_blocks." + std::to_string(i);
    for (int j = 0; j < level.resnets; ++j) {
      if (skips.size() == count) return skips;
      skips.push_back(unet.layer(block, j, skips.back(), level,
                                 level.down_attention ? &level.transformer_layers : nullptr));
    }
    if (i + 1 == c.levels.size() || skips.size() == count) return skips;
    const int pad = c.downsample_padding;
    skips.push_back(unet.graph().conv2d(skips.back(), block + ".downsamplers.0.conv", level.channels,
                                        {3, 3, 2, pad, pad, 1, 1}));
  }
  return skips;
}

}  // namespace ipa
