#include "models/unet_up.h"

namespace ipa {

Value unet_up(const UNetBuilder& unet, Value x, std::vector<Value>& skips, size_t left) {
  Graph& graph = unet.graph();
  const UNetConfig& c = unet.config();
  const size_t n = c.levels.size();
  size_t skip = c.skip_connections();  // of the layer, counted from the outermost
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = c.levels[n - 1 - i];
    const std::string block = "up_blocks." + std::to_string(i);
    for (int j = 0; j < level.resnets + 1; ++j, --skip) {
      if (skips.size() == left) return x;
      if (skip > skips.size()) continue;  // an earlier call's
      x = unet.layer(block, j, graph.concat_channels(x, skips.back()), level,
                     level.up_attention ? &level.up_transformer_layers : nullptr);
      skips.pop_back();
      if (j < level.resnets || i + 1 == n) continue;
      // To the exact size of the next skip: sides that are no multiple of 2^levels lose nothing.
      const Shape to = graph.shape(skips.back());
      x = graph.conv2d(graph.upsample(x, to.h, to.w), block + ".upsamplers.0.conv", level.channels);
    }
  }
  return x;
}

}  // namespace ipa
