// Pillow's Image.resize on 8-bit RGB.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

enum class Filter : uint8_t { bicubic, lanczos };

// rgb: 3 * width * height bytes, row-major. With antialiasing, rounded to 8 bits after each of the two passes, in the order
// of Pillow 13: bit for bit. Sides 1..65536; no_memory otherwise.
Result<std::vector<uint8_t>> resize_picture(const uint8_t* rgb, int64_t width, int64_t height,
                                            int64_t new_width, int64_t new_height, Filter filter);

}  // namespace ipa
