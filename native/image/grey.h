// Grey of RGB by the weights of Rec. 601, in the fixed point of two libraries, which differ in the last bit.
#pragma once

#include <cstdint>
#include <vector>

namespace ipa {

// Pillow's convert("L") has 16 bits of fraction, OpenCV's COLOR_RGB2GRAY 15.
enum class GreyRule : uint8_t { pillow, opencv };

uint8_t grey_of(const uint8_t* rgb, GreyRule rule);

// A byte per pixel.
std::vector<uint8_t> to_grey(const uint8_t* rgb, int64_t pixels, GreyRule rule);

// The same byte for red, green and blue.
std::vector<uint8_t> grey_to_rgb(const std::vector<uint8_t>& grey);

}  // namespace ipa
