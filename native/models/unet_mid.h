// The middle of a UNet.
#pragma once

#include "models/unet_builder.h"

namespace ipa {

// x itself where the model has no middle block.
Value unet_mid(const UNetBuilder& unet, Value x);

}  // namespace ipa
