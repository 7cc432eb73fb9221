// Dark lines of a picture, as if drawn with a pen.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/rgb_view.h"

namespace ipa {

// 255 on a line, 0 elsewhere, a byte per pixel: the difference of two Gaussian blurs (sigma 0.5 and 5), as in XDoG
// (Winnemoeller 2012) without its soft threshold. A line is where all three channels are darker than around them, and twice
// the least difference passes `threshold`.
Result<std::vector<uint8_t>> scribble(const RgbView& picture, double threshold, StopFlag stop);

}  // namespace ipa
