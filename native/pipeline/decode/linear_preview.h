// A linear map from latents to RGB, one pixel per latent: a preview that costs next to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace ipa {

class LinearPreview {
 public:
  // One row per channel, then the constant; of RGB from 0 to 1.
  using Rows = std::vector<std::array<float, 3>>;
  explicit LinearPreview(Rows rows) : rows_(std::move(rows)) {}
  // latents: channel-major, as the sampling loop has them. 8-bit RGB of `pixels` pixels.
  std::vector<uint8_t> paint(const float* latents, int64_t pixels) const;

 private:
  Rows rows_;
};

}  // namespace ipa
