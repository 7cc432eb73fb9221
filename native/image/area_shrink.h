// Shrinking by means over areas.
#pragma once

#include <cstdint>
#include <vector>

#include "image/rgb_view.h"

namespace ipa {

// cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), bit for bit: each pixel is the mean of the area that
// it covers, parts of pixels included. The new sides are from 1 to the old ones.
std::vector<uint8_t> area_shrink(const RgbView& picture, int64_t width, int64_t height);

}  // namespace ipa
