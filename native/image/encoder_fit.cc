#include "image/encoder_fit.h"

#include <algorithm>
#include <cmath>

#include "image/clip_preprocess.h"
#include "image/resample.h"

namespace ipa {
namespace {

Result<std::vector<uint8_t>> pad(const uint8_t* rgb, int64_t width, int64_t height, int64_t size) {
  const int64_t longest = std::max(width, height);
  const auto shrunk = [&](int64_t side) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(side * size) / static_cast<double>(longest)));
  };
  const int64_t w = shrunk(width), h = shrunk(height), left = (size - w) / 2, top = (size - h) / 2;
  IPA_ASSIGN(const std::vector<uint8_t> inner, resize_picture(rgb, width, height, w, h, Filter::bicubic));
  std::vector<uint8_t> out(static_cast<size_t>(3 * size * size), 0);
  for (int64_t y = 0; y < h; ++y)
    std::copy_n(inner.begin() + 3 * w * y, 3 * w, out.begin() + 3 * (size * (top + y) + left));
  return out;
}

}  // namespace

Result<std::vector<uint8_t>> fit_for_encoder(const uint8_t* rgb, int64_t width, int64_t height, int64_t size,
                                             EncoderFit fit) {
  if (fit == EncoderFit::pad) return pad(rgb, width, height, size);
  if (fit == EncoderFit::squash) return resize_picture(rgb, width, height, size, size, Filter::bicubic);
  return clip_resize(rgb, width, height, size);
}

}  // namespace ipa
