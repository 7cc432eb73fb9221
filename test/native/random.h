// Reproducible numbers for tests.
#pragma once

#include "check/split_mix.h"

namespace ipa_test {

class Random : public ipa::SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  // In [low, high].
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * (1.0f / 16777216.0f);
  }
};

}  // namespace ipa_test
