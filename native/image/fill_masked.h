// What is put in place of what a mask hides, before it is painted anew.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

// Fills the white pixels with what surrounds them, as Fooocus does before it inpaints: the picture is blurred again and
// again, by boxes of fewer and fewer pixels, and its own pixels are put back each time.
// rgb: 3 * width * height, `white`: width * height. Without a black pixel it is blurred in itself.
Result<std::vector<uint8_t>> blur_into_mask(std::vector<uint8_t> rgb, int64_t width, int64_t height,
                                            const std::vector<bool>& white);

}  // namespace ipa
