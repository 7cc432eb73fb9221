// Pixels as picture files hold them to RGB, as Pillow's convert("RGB") does.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

// Bytes of a pixel, in this order. Of CMYK 0 is no ink.
enum class Layout : uint8_t { grey, grey_alpha, rgb, rgba, cmyk };

int64_t channels_of(Layout layout);

// What becomes of alpha: it is dropped, and the colour below it counts; or the picture lies on white, as by Pillow's
// alpha_composite to a step of 255.
enum class Alpha : uint8_t { dropped, on_white };

// data: channels_of(layout) * pixels bytes; result: 3 * pixels bytes.
// CMYK without a profile is ink over white, channel by channel. no_memory when there is none for the result.
Result<std::vector<uint8_t>> to_rgb(const uint8_t* data, int64_t pixels, Layout layout,
                                    Alpha alpha = Alpha::dropped);

}  // namespace ipa
