#include "image/overlay.h"

#include <algorithm>
#include <cmath>

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

// One blur of a line of values that lie `stride` apart; pixels beyond its ends are as those at the ends.
class BoxBlur {
 public:
  explicit BoxBlur(float radius)
      : whole_(static_cast<int64_t>(radius)),
        weight_(static_cast<uint32_t>(static_cast<float>(1 << 24) / (radius * 2 + 1))),
        edge_weight_(((1u << 24) - (2 * static_cast<uint32_t>(whole_) + 1) * weight_) / 2) {}

  void run(uint8_t* line, int64_t count, int64_t stride) {
    copy_.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) copy_[static_cast<size_t>(i)] = line[i * stride];
    const auto at = [&](int64_t i) -> uint32_t {
      return copy_[static_cast<size_t>(std::clamp<int64_t>(i, 0, count - 1))];
    };
    uint32_t sum = 0;  // of the whole pixels around i
    for (int64_t d = -whole_; d <= whole_; ++d) sum += at(d);
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t bulk = sum * weight_ + (at(i - whole_ - 1) + at(i + whole_ + 1)) * edge_weight_;
      line[i * stride] = static_cast<uint8_t>((bulk + (1u << 23)) >> 24);
      sum += at(i + whole_ + 1) - at(i - whole_);
    }
  }

 private:
  int64_t whole_;
  uint32_t weight_, edge_weight_;
  std::vector<uint8_t> copy_;
};

// Division by 255, rounded.
uint32_t divide_by_255(uint32_t value) {
  value += 128;
  return ((value >> 8) + value) >> 8;
}

}  // namespace

void pillow_blur(std::vector<uint8_t>& grey, int64_t width, int64_t height, double radius) {
  if (!(radius > 0)) return;
  BoxBlur blur(box_radius(static_cast<float>(radius)));
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
