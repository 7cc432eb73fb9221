#include "image/overlay.h"

#include <algorithm>
#include <cmath>

#include "image/box_blur.h"

namespace ipa {
namespace {

constexpr int box_passes = 3;

// Of the box blur whose repetition has a Gaussian's variance (Gwosdek et al. 2011, eq. 7, 11 and 14).
// In f32, as there.
float box_radius(float deviation) {
  const float variance = deviation * deviation / box_passes;
  const auto length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const auto whole = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  const float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  return whole + part / (6 * (variance - (whole + 1) * (whole + 1)));
}

// Division by 255, rounded.
uint32_t divide_by_255(uint32_t value) {
  value += 128;
  return ((value >> 8) + value) >> 8;
}

}  // namespace

void pillow_blur(std::vector<uint8_t>& grey, int64_t width, int64_t height, double radius) {
  if (!(radius > 0)) return;
  PillowBoxBlur blur(box_radius(static_cast<float>(radius)));
  for (int64_t y = 0; y < height; ++y)
    for (int pass = 0; pass < box_passes; ++pass) blur.run(grey.data() + y * width, width, 1);
  for (int64_t x = 0; x < width; ++x)
    for (int pass = 0; pass < box_passes; ++pass) blur.run(grey.data() + x, height, width);
}

void overlay(const std::vector<uint8_t>& over, const std::vector<uint8_t>& mask, std::vector<uint8_t>& under) {
  for (size_t i = 0; i < over.size(); ++i) {
    const uint32_t opacity = 255u - mask[i / 3];
    if (opacity == 0) continue;
    // Pillow multiplies by the opacity, divides by it again, and only then lays one over the other.
    const uint32_t weighted = divide_by_255(over[i] * opacity);
    const uint32_t colour = opacity == 255 ? weighted : std::min(255u, 255 * weighted / opacity);
    under[i] = static_cast<uint8_t>(divide_by_255(colour * opacity + under[i] * (255 - opacity)));
  }
}

}  // namespace ipa
