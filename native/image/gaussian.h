// Gaussian blur with the arithmetic of OpenCV: its kernels, its fixed point for bytes, borders mirrored without the edge.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/status.h"
#include "image/rgb_view.h"

namespace ipa {

// Weights with the sum 1, an odd number of them: those within `reach` sigmas.
// OpenCV takes three for bytes and four for floats.
std::vector<double> gaussian_kernel(double sigma, int reach);

// cv2.GaussianBlur(picture, (0, 0), sigma) of 8 bits, bit for bit.
Result<std::vector<uint8_t>> gaussian_blur(const RgbView& picture, double sigma, StopFlag stop);

// Position `i` of a line of `length`, mirrored back into it: the first and the last are not repeated.
int64_t mirrored(int64_t i, int64_t length);

// Sums of a symmetric kernel across and down, row by row. It keeps as many rows of sums across as the kernel is high.
template <class Weight, class Stored, class Sum>
class BlurredRows {
 public:
  BlurredRows(const RgbView& picture, std::vector<Weight> kernel)
      : picture_(picture),
        kernel_(std::move(kernel)),
        reach_(static_cast<int64_t>(kernel_.size()) / 2),
        values_(3 * picture.width),
        held_(std::min<int64_t>(picture.height, 2 * reach_ + 1)),
        padded_(static_cast<size_t>(values_ + 6 * reach_)),
        sums_(static_cast<size_t>(values_)),
        across_(static_cast<size_t>(held_ * values_)) {}

  // 3 * width sums, which stand until the next call. Rows are asked for one after the other.
  const Sum* row(int64_t y) {
    while (read_ < std::min(picture_.height, y + reach_ + 1)) read_across(read_++);
    std::fill(sums_.begin(), sums_.end(), Sum{});
    for (int64_t tap = -reach_; tap <= reach_; ++tap)
      add(kernel_[static_cast<size_t>(tap + reach_)], stored(mirrored(y + tap, picture_.height)));
    return sums_.data();
  }

 private:
  Stored* stored(int64_t y) { return across_.data() + (y % held_) * values_; }

  template <class From>
  void add(Weight weight, const From* from) {
    if (weight == Weight{}) return;
    Sum* sums = sums_.data();
    for (int64_t i = 0; i < values_; ++i) sums[i] += weight * static_cast<Sum>(from[i]);
  }

  void read_across(int64_t y) {
    const uint8_t* from = picture_.data + y * values_;
    for (int64_t x = -reach_; x < picture_.width + reach_; ++x)
      std::copy_n(from + 3 * mirrored(x, picture_.width), 3, padded_.begin() + 3 * (x + reach_));
    std::fill(sums_.begin(), sums_.end(), Sum{});
    for (size_t tap = 0; tap < kernel_.size(); ++tap) add(kernel_[tap], padded_.data() + 3 * tap);
    std::transform(sums_.begin(), sums_.end(), stored(y), [](Sum sum) { return static_cast<Stored>(sum); });
  }

  RgbView picture_;
  std::vector<Weight> kernel_;
  int64_t reach_, values_, held_, read_ = 0;
  std::vector<uint8_t> padded_;
  std::vector<Sum> sums_;
  std::vector<Stored> across_;
};

}  // namespace ipa
