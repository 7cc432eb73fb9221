#include "image/attention_mask.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "image/grey.h"

namespace ipa {
namespace {

// What a pixel of the new side is made of: `count` neighbours from `first` on, those outside being the outermost.
struct Taps {
  int64_t first = 0;
  int count = 0;
  std::array<float, 4> weights{};
};

// PyTorch's interpolate(mode="bicubic"): a = -0.75, no antialiasing, corners not aligned.
Taps bicubic_taps(int64_t i, int64_t from, int64_t to) {
  constexpr float a = -0.75f;
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const float place = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
  const float left = std::floor(place), t = place - left, u = 1.0f - t;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  return {static_cast<int64_t>(left) - 1, 4, {far(t + 1), near(t), near(u), far(u + 1)}};
}

// interpolate(mode="bilinear").
Taps bilinear_taps(int64_t i, int64_t from, int64_t to) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const float place = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
  const auto left = static_cast<int64_t>(place);
  const float t = place - static_cast<float>(left);
  return {left, 2, {1.0f - t, t}};
}

template <class TapsOf>
std::vector<float> interpolate(const std::vector<float>& weights, MaskGrid from, MaskGrid to, TapsOf taps_of) {
  std::vector<float> out(static_cast<size_t>(to.width * to.height));
  for (int64_t y = 0; y < to.height; ++y) {
    const Taps down = taps_of(y, from.height, to.height);
    for (int64_t x = 0; x < to.width; ++x) {
      const Taps across = taps_of(x, from.width, to.width);
      float sum = 0;
      for (int j = 0; j < down.count; ++j) {
        const int64_t row = std::clamp<int64_t>(down.first + j, 0, from.height - 1);
        float line = 0;
        for (int i = 0; i < across.count; ++i) {
          const int64_t column = std::clamp<int64_t>(across.first + i, 0, from.width - 1);
          line +=
              across.weights[static_cast<size_t>(i)] * weights[static_cast<size_t>(row * from.width + column)];
        }
        sum += down.weights[static_cast<size_t>(j)] * line;
      }
      out[static_cast<size_t>(y * to.width + x)] = sum;
    }
  }
  return out;
}

}  // namespace

std::vector<float> mask_weights(const std::vector<uint8_t>& rgb, bool soft) {
  std::vector<float> weights(rgb.size() / 3);
  for (size_t i = 0; i < weights.size(); ++i) {
    const uint8_t grey = grey_of(rgb.data() + 3 * i, GreyRule::pillow);
    weights[i] = soft ? static_cast<float>(grey) / 255.0f : static_cast<float>(grey >= 128);
  }
  return weights;
}

std::vector<float> binary_mask_rows(const std::vector<float>& weights, MaskGrid mask, int64_t queries) {
  const double ratio = static_cast<double>(mask.width) / static_cast<double>(mask.height);
  MaskGrid grid;
  grid.height = std::max<int64_t>(1, static_cast<int64_t>(std::sqrt(static_cast<double>(queries) / ratio)));
  if (queries % grid.height) ++grid.height;
  grid.width = std::max<int64_t>(1, queries / grid.height);
  std::vector<float> rows = interpolate(weights, mask, grid, bicubic_taps);
  rows.resize(static_cast<size_t>(queries), 0.0f);
  return rows;
}

std::vector<float> soft_mask_rows(const std::vector<float>& weights, MaskGrid mask, MaskGrid layer) {
  return interpolate(weights, mask, layer, bilinear_taps);
}

}  // namespace ipa
