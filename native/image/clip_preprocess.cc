#include "image/clip_preprocess.h"

#include <algorithm>

#include "image/resample.h"

namespace ipa {

Result<std::vector<uint8_t>> clip_resize(const uint8_t* rgb, int64_t width, int64_t height, int64_t size) {
  if (width < 1 || height < 1 || size < 1) return Status(Code::limit, "a picture needs at least one pixel");
  const int64_t shorter = std::min(width, height), longer = std::max(width, height);
  const int64_t long_edge = size * longer / shorter;  // truncated
  const int64_t w = width <= height ? size : long_edge, h = width <= height ? long_edge : size;
  IPA_ASSIGN(const std::vector<uint8_t> resized, resize_picture(rgb, width, height, w, h, Filter::bicubic));
  const int64_t left = (w - size) / 2, top = (h - size) / 2;
  std::vector<uint8_t> cropped(static_cast<size_t>(3 * size * size));
  for (int64_t y = 0; y < size; ++y) {
    const uint8_t* row = resized.data() + ((top + y) * w + left) * 3;
    std::copy(row, row + 3 * size, cropped.data() + y * size * 3);
  }
  return cropped;
}

}  // namespace ipa
