#include "models/unet_down.h"

namespace ipa {
namespace {

void add_to_level(const UNetBuilder& unet, const DownAdditions& additions, size_t level, Value& last) {
  if (level < additions.levels.size()) last = unet.graph().add(last, additions.levels[level]);
}

}  // namespace

std::vector<Value> unet_down(const UNetBuilder& unet, Value latents, size_t count,
                             const DownAdditions& additions) {
  const UNetConfig& c = unet.config();
  std::vector<Value> skips = {
      unet.same_size_conv("conv_in", latents, c.levels.front().channels, c.conv_in_kernel)};
  if (additions.first.valid()) skips.front() = unet.graph().add(skips.front(), additions.first);
  for (size_t i = 0; i < c.levels.size(); ++i) {
    const UNetConfig::Level& level = c.levels[i];
    const std::string block = "down_blocks." + std::to_string(i);
    for (int j = 0; j < level.resnets; ++j) {
      if (skips.size() == count) return skips;
      skips.push_back(unet.layer(block, j, skips.back(), level,
                                 level.down_attention ? &level.transformer_layers : nullptr));
    }
    const bool lowest = i + 1 == c.levels.size();
    // A level that attends has them behind its last layer, another behind what halves its sides, as in diffusers.
    if (level.down_attention || lowest) add_to_level(unet, additions, i, skips.back());
    if (lowest || skips.size() == count) return skips;
    const int pad = c.downsample_padding;
    skips.push_back(unet.graph().conv2d(skips.back(), block + ".downsamplers.0.conv", level.channels,
                                        {3, 3, 2, pad, pad, 1, 1}));
    if (!level.down_attention) add_to_level(unet, additions, i, skips.back());
  }
  return skips;
}

}  // namespace ipa
