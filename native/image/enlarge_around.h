// Enlarging a picture whose edges meet, so that they still do.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/region.h"

namespace ipa {

// By Lanczos, as resize_picture(), to a size that is not smaller. Along the axes where `x` and `y` say so, the filter reads
// over an edge what lies at the opposite one, where Pillow's leaves out what is not there.
Result<std::vector<uint8_t>> enlarge_around(const std::vector<uint8_t>& rgb, Size from, Size to, bool x,
                                            bool y);

}  // namespace ipa
