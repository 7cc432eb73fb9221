#include "pipeline/decode/linear_preview.h"

#include <algorithm>
#include <cmath>

namespace ipa {

std::vector<uint8_t> LinearPreview::paint(const float* latents, int64_t pixels) const {
  std::vector<uint8_t> rgb(static_cast<size_t>(3 * pixels));
  for (int64_t p = 0; p < pixels; ++p) {
    std::array<float, 3> sum = rows_.back();
    for (size_t channel = 0; channel + 1 < rows_.size(); ++channel)
      for (size_t c = 0; c < 3; ++c)
        sum[c] += latents[static_cast<int64_t>(channel) * pixels + p] * rows_[channel][c];
    for (size_t c = 0; c < 3; ++c)
      // A value that is no number becomes black.
      rgb[static_cast<size_t>(3 * p) + c] =
          std::isnan(sum[c]) ? uint8_t{0}
                             : static_cast<uint8_t>(std::nearbyint(std::clamp(sum[c], 0.0f, 1.0f) * 255.0f));
  }
  return rgb;
}

}  // namespace ipa
