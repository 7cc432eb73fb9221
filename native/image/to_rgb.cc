#include "image/to_rgb.h"

#include <algorithm>
#include <new>

namespace ipa {
namespace {

// a * b / 255, rounded.
uint32_t product(uint32_t a, uint32_t b) {
  const uint32_t scaled = a * b + 128;
  return ((scaled >> 8) + scaled) >> 8;
}

void convert_cmyk(const uint8_t* from, int64_t pixels, uint8_t* to) {
  for (int64_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const uint32_t light = 255u - from[3];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(light - product(from[c], light));
  }
}

// Rounded once: 255 - alpha is what white has.
uint8_t on_white(uint8_t colour, uint8_t alpha) {
  return static_cast<uint8_t>(product(colour, alpha) + 255u - alpha);
}

}  // namespace

int64_t channels_of(Layout layout) {
  switch (layout) {
    case Layout::grey: return 1;
    case Layout::grey_alpha: return 2;
    case Layout::rgb: return 3;
    case Layout::rgba:
    case Layout::cmyk: return 4;
  }
  return 3;
}

Result<std::vector<uint8_t>> to_rgb(const uint8_t* data, int64_t pixels, Layout layout, Alpha alpha) {
  try {
    std::vector<uint8_t> rgb(static_cast<size_t>(3 * pixels));
    if (layout == Layout::cmyk) {
      convert_cmyk(data, pixels, rgb.data());
      return rgb;
    }
    const int64_t step = channels_of(layout);
    const int green = step < 3 ? 0 : 1, blue = step < 3 ? 0 : 2;
    const bool blends = alpha == Alpha::on_white && (layout == Layout::rgba || layout == Layout::grey_alpha);
    uint8_t* to = rgb.data();
    for (int64_t i = 0; i < pixels; ++i, data += step, to += 3) {
      to[0] = data[0];
      to[1] = data[green];
      to[2] = data[blue];
      if (blends)
        for (int c = 0; c < 3; ++c) to[c] = on_white(to[c], data[step - 1]);
    }
    return rgb;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while reading a picture");
  }
}

}  // namespace ipa
