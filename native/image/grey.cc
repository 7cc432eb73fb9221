#include "image/grey.h"

#include <cstddef>

namespace ipa {
namespace {

uint8_t weigh(const uint8_t* rgb, uint32_t red, uint32_t green, uint32_t blue, int bits) {
  return static_cast<uint8_t>((rgb[0] * red + rgb[1] * green + rgb[2] * blue + (1u << (bits - 1))) >> bits);
}

}  // namespace

uint8_t grey_of(const uint8_t* rgb, GreyRule rule) {
  return rule == GreyRule::pillow ? weigh(rgb, 19595, 38470, 7471, 16) : weigh(rgb, 9798, 19235, 3735, 15);
}

std::vector<uint8_t> to_grey(const uint8_t* rgb, int64_t pixels, GreyRule rule) {
  std::vector<uint8_t> grey(static_cast<size_t>(pixels));
  for (uint8_t& pixel : grey) {
    pixel = grey_of(rgb, rule);
    rgb += 3;
  }
  return grey;
}

std::vector<uint8_t> grey_to_rgb(const std::vector<uint8_t>& grey) {
  std::vector<uint8_t> rgb(3 * grey.size());
  uint8_t* to = rgb.data();
  for (const uint8_t pixel : grey) {
    to[0] = to[1] = to[2] = pixel;
    to += 3;
  }
  return rgb;
}

}  // namespace ipa
