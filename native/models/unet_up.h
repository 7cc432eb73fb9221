// The way up of a UNet.
#pragma once

#include <vector>

#include "models/unet_builder.h"

namespace ipa {

// One layer a skip connection, beginning with the innermost of `skips`, which each takes off: until `left`
// of them are left. Where that is in the middle of the way up, a second call goes on from the result.
Value unet_up(const UNetBuilder& unet, Value x, std::vector<Value>& skips, size_t left);

}  // namespace ipa
