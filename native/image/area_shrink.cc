#include "image/area_shrink.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ipa {
namespace {

// By how much a side shrinks, as OpenCV rounds it.
double shrink_of(int64_t from, int64_t to) {
  return 1.0 / (static_cast<double>(to) / static_cast<double>(from));
}

// The same as a whole number of pixels; 0: it is none.
int64_t whole_shrink(int64_t from, int64_t to) {
  const double scale = shrink_of(from, to), whole = std::nearbyint(scale);
  return std::abs(scale - whole) < std::numeric_limits<double>::epsilon() ? static_cast<int64_t>(whole) : 0;
}

uint8_t rounded_byte(float value) {
  return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, 255.0f));
}

struct Share {
  int64_t from;
  float weight;
};

// For every new position what it covers of the old line, with its share of the mean.
std::vector<std::vector<Share>> shares_of(int64_t from, int64_t to) {
  constexpr double least = 1e-3;  // of a pixel
  const double scale = shrink_of(from, to);
  std::vector<std::vector<Share>> all(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double begin = static_cast<double>(i) * scale, end = begin + scale;
    const double covered = std::min(scale, static_cast<double>(from) - begin);
    const int64_t last = std::min(static_cast<int64_t>(std::floor(end)), from - 1);
    const int64_t first = std::min(static_cast<int64_t>(std::ceil(begin)), last);
    std::vector<Share>& shares = all[static_cast<size_t>(i)];
    const double before = static_cast<double>(first) - begin, behind = end - static_cast<double>(last);
    if (before > least) shares.push_back({first - 1, static_cast<float>(before / covered)});
    for (int64_t at = first; at < last; ++at) shares.push_back({at, static_cast<float>(1.0 / covered)});
    if (behind > least)
      shares.push_back({last, static_cast<float>(std::min(std::min(behind, 1.0), covered) / covered)});
  }
  return all;
}

// Blocks of whole pixels, summed in integers.
void shrink_blocks(const RgbView& picture, int64_t across, int64_t down, std::vector<uint8_t>& result) {
  const int64_t width = picture.width / across, height = picture.height / down;
  const float share = 1.0f / static_cast<float>(across * down);
  uint8_t* to = result.data();
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t channel = 0; channel < 3; ++channel) {
        int32_t sum = 0;
        for (int64_t row = y * down; row < (y + 1) * down; ++row) {
          const uint8_t* from = picture.data + 3 * (row * picture.width + x * across) + channel;
          for (int64_t i = 0; i < across; ++i) sum += from[3 * i];
        }
        *to++ = across == 2 && down == 2 ? static_cast<uint8_t>((sum + 2) >> 2)
                                         : rounded_byte(static_cast<float>(sum) * share);
      }
}

// Any areas, in floats: across, then down.
void shrink_areas(const RgbView& picture, int64_t width, int64_t height, std::vector<uint8_t>& result) {
  const auto columns = shares_of(picture.width, width), rows = shares_of(picture.height, height);
  std::vector<float> across(static_cast<size_t>(3 * width)), sums(across.size());
  uint8_t* to = result.data();
  for (const std::vector<Share>& row : rows) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (const Share& part : row) {
      const uint8_t* from = picture.data + 3 * part.from * picture.width;
      std::fill(across.begin(), across.end(), 0.0f);
      for (size_t x = 0; x < columns.size(); ++x)
        for (const Share& share : columns[x])
          for (size_t channel = 0; channel < 3; ++channel)
            across[3 * x + channel] +=
                static_cast<float>(from[3 * share.from + static_cast<int64_t>(channel)]) * share.weight;
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += part.weight * across[i];
    }
    to = std::transform(sums.begin(), sums.end(), to, rounded_byte);
  }
}

}  // namespace

std::vector<uint8_t> area_shrink(const RgbView& picture, int64_t width, int64_t height) {
  std::vector<uint8_t> result(static_cast<size_t>(3 * width * height));
  const int64_t across = whole_shrink(picture.width, width), down = whole_shrink(picture.height, height);
  if (across > 0 && down > 0)
    shrink_blocks(picture, across, down, result);
  else
    shrink_areas(picture, width, height, result);
  return result;
}

}  // namespace ipa
