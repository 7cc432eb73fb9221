// What UNets and networks like them are told of a step.
#pragma once

#include <cstdint>
#include <vector>

#include "golden_case.h"
#include "models/unet.h"

namespace ipa_test {

inline std::vector<float> sinusoid(const ipa::UNetConfig& c, double value, int64_t size) {
  std::vector<float> result(static_cast<size_t>(size));
  ipa::timestep_sinusoid(value, size, c.flip_sin_to_cos, c.freq_shift, result.data());
  return result;
}

// SDXL: an item's pooled text, then the sinusoids of its size numbers.
inline std::vector<float> addition_rows(const ipa::UNetConfig& c, const Tensor& pooled, const Tensor& sizes) {
  std::vector<float> rows;
  for (int64_t i = 0; i < pooled.size(0); ++i) {
    const auto from = pooled.values.begin() + i * pooled.size(1);
    rows.insert(rows.end(), from, from + pooled.size(1));
    for (int64_t k = 0; k < sizes.size(1); ++k) {
      const auto number = static_cast<double>(sizes.values[static_cast<size_t>(i * sizes.size(1) + k)]);
      const std::vector<float> part = sinusoid(c, number, c.addition_time_size);
      rows.insert(rows.end(), part.begin(), part.end());
    }
  }
  return rows;
}

}  // namespace ipa_test
