// Ways to make a picture square for an image encoder.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

// crop: CLIP's own, see clip_resize(). pad: all of it, with black beside it. squash: all of it, without regard to its
// shape. All by Pillow's bicubic resize.
enum class EncoderFit : uint8_t { crop, pad, squash };

// rgb: 3 * width * height bytes. Result: 3 * size * size bytes. Sides 1..65536; no_memory otherwise.
Result<std::vector<uint8_t>> fit_for_encoder(const uint8_t* rgb, int64_t width, int64_t height, int64_t size,
                                             EncoderFit fit);

}  // namespace ipa
