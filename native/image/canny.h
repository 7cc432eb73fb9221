// Canny's edges (Canny 1986).
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/rgb_view.h"

namespace ipa {

// 255 on an edge, 0 elsewhere, a byte per pixel: cv2.Canny(grey, low, high) with its defaults (Sobel's 3x3, |dx| + |dy|),
// bit for bit. An edge begins where the slope passes `high`, and goes on where it passes `low`; the two in either order.
// width * height bytes of `grey`, as OpenCV makes them of RGB.
Result<std::vector<uint8_t>> canny(const std::vector<uint8_t>& grey, int64_t width, double low, double high,
                                   StopFlag stop);

}  // namespace ipa
