#include "image/enlarge_around.h"

#include <algorithm>
#include <numeric>

#include "image/resample.h"

namespace ipa {
namespace {

// How much of the picture is laid around it along one side: as much as the filter reads,
// and so many pixels that they become whole ones of the larger picture. Pixels before and after.
struct Margin {
  int64_t before = 0, after = 0;
  Margin(int64_t from, int64_t to, bool wrap) {
    if (!wrap) return;
    constexpr int64_t reach = 4;
    const int64_t common = std::gcd(from, to), unit = from / common;
    const int64_t units = (reach + unit - 1) / unit;
    before = units * unit;
    after = units * (to / common);
  }
};

// The part of a picture that goes on at its opposite edges, beginning `top` rows and `left` pixels before it.
std::vector<uint8_t> window(const std::vector<uint8_t>& rgb, Size size, int64_t left, int64_t top, Size part) {
  std::vector<uint8_t> out;
  out.reserve(static_cast<size_t>(3 * part.width * part.height));
  const auto around = [](int64_t place, int64_t side) { return (place % side + side) % side; };
  for (int64_t y = 0; y < part.height; ++y)
    for (int64_t x = 0; x < part.width; ++x) {
      const int64_t pixel = around(y - top, size.height) * size.width + around(x - left, size.width);
      out.insert(out.end(), rgb.begin() + 3 * pixel, rgb.begin() + 3 * pixel + 3);
    }
  return out;
}

}  // namespace

Result<std::vector<uint8_t>> enlarge_around(const std::vector<uint8_t>& rgb, Size from, Size to, bool x,
                                            bool y) {
  const Margin across(from.width, to.width, x), down(from.height, to.height, y);
  const Size wider{from.width + 2 * across.before, from.height + 2 * down.before};
  const Size larger{to.width + 2 * across.after, to.height + 2 * down.after};
  const std::vector<uint8_t> surrounded = window(rgb, from, across.before, down.before, wider);
  IPA_ASSIGN(const std::vector<uint8_t> enlarged, resize_picture(surrounded.data(), wider.width, wider.height,
                                                                 larger.width, larger.height, Filter::lanczos));
  return window(enlarged, larger, -across.after, -down.after, to);
}

}  // namespace ipa
