#include "models/unet_mid.h"

namespace ipa {

Value unet_mid(const UNetBuilder& unet, Value x) {
  const UNetConfig& c = unet.config();
  if (!c.mid_block) return x;
  const UNetConfig::Level& bottom = c.levels.back();
  x = unet.resnet("mid_block", 0, x, bottom.channels);
  if (!c.mid_attention) return x;
  x = unet.attend("mid_block", 0, x, bottom, c.mid_transformer_layers, false);
  return unet.resnet("mid_block", 1, x, bottom.channels);
}

}  // namespace ipa
