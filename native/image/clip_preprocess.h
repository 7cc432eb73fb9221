// CLIP's picture preprocessing as transformers does it with Pillow:
// shortest edge to `size` (the long edge truncated), bicubic with antialiasing in 8 bits, then a centre crop.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

// rgb: 3 * width * height bytes, row-major. Result: 3 * size * size bytes. Sides 1..65536; no_memory otherwise.
Result<std::vector<uint8_t>> clip_resize(const uint8_t* rgb, int64_t width, int64_t height, int64_t size);

}  // namespace ipa
