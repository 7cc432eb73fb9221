// Pillow's box blur, in its arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ipa {

// One blur of a line of values that lie `stride` apart; pixels beyond its ends are as those at the ends.
class PillowBoxBlur {
 public:
  explicit PillowBoxBlur(float radius)
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

}  // namespace ipa
