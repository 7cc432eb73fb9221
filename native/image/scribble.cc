#include "image/scribble.h"

#include <algorithm>

#include "image/gaussian.h"

namespace ipa {
namespace {

using FloatRows = BlurredRows<float, float, float>;

FloatRows blurred(const RgbView& picture, double sigma) {
  const std::vector<double> kernel = gaussian_kernel(sigma, 4);
  std::vector<float> weights(kernel.size());
  std::transform(kernel.begin(), kernel.end(), weights.begin(), [](double w) { return static_cast<float>(w); });
  return FloatRows(picture, std::move(weights));
}

}  // namespace

Result<std::vector<uint8_t>> scribble(const RgbView& picture, double threshold, StopFlag stop) {
  FloatRows fine_rows = blurred(picture, 0.5), wide_rows = blurred(picture, 5);
  std::vector<uint8_t> lines(static_cast<size_t>(picture.pixels()));
  uint8_t* to = lines.data();
  for (int64_t y = 0; y < picture.height; ++y, to += picture.width) {
    if (stopped(stop)) return Status(Code::cancelled, "the scribble was cancelled");
    const float *fine = fine_rows.row(y), *wide = wide_rows.row(y);
    for (int64_t x = 0; x < picture.width; ++x, fine += 3, wide += 3) {
      const float darker = std::min({wide[0] - fine[0], wide[1] - fine[1], wide[2] - fine[2]});
      // Rounded down to a byte as light on paper, which is where a difference just above a whole number counts one more.
      const int paper = static_cast<int>(std::clamp(255.0f - darker, 0.0f, 255.0f));
      to[x] = 2 * (255 - paper) > threshold ? 255 : 0;
    }
  }
  return lines;
}

}  // namespace ipa
