// A picture put over another where a mask does not hide it, with Pillow's arithmetic.
#pragma once

#include <cstdint>
#include <vector>

namespace ipa {

// Pillow's GaussianBlur: three box blurs across and three down, each rounded to 8 bits. A radius of 0 changes nothing.
void pillow_blur(std::vector<uint8_t>& grey, int64_t width, int64_t height, double radius);

// diffusers' VaeImageProcessor.apply_overlay: `over` lies over `under`, hidden where `mask` is white;
// where it is 0, the result is `over` to the byte. All of one size, RGB; the result takes the place of `under`.
void overlay(const std::vector<uint8_t>& over, const std::vector<uint8_t>& mask, std::vector<uint8_t>& under);

}  // namespace ipa
