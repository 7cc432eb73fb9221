// The part of a picture around what a mask has white, and how it is brought to another size and back,
// as diffusers does for its padding_mask_crop.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"

namespace ipa {

// Pixels from (left, top) to before (right, bottom).
struct Region {
  int64_t left = 0, top = 0, right = 0, bottom = 0;
  int64_t width() const { return right - left; }
  int64_t height() const { return bottom - top; }
};

struct Size {
  int64_t width = 0, height = 0;
};

// The box around all pixels that are not 0, `padding` wider on every side, then widened to the shape of `target` as
// far as the picture goes. None for a mask that is 0 everywhere. grey: size.width * size.height values.
std::optional<Region> mask_region(const std::vector<uint8_t>& grey, Size size, Size target, int64_t padding);

// Of RGB pixels, row after row, `size` wide and high. The region lies within.
std::vector<uint8_t> crop_picture(const std::vector<uint8_t>& rgb, Size size, const Region& region);

// To `target` without a change of shape, by Lanczos. What is left over on two sides is made of the pixels at
// the edge (fill), or what is too much is cut off (cut).
Result<std::vector<uint8_t>> resize_and_fill(const std::vector<uint8_t>& rgb, Size size, Size target);
Result<std::vector<uint8_t>> resize_and_cut(const std::vector<uint8_t>& rgb, Size size, Size target);

}  // namespace ipa
