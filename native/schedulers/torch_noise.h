// PyTorch's CPU random numbers, so that a seed gives the latents it gives there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schedulers/scheduler.h"

namespace ipa {

// `torch.Generator().manual_seed(seed)` followed by one `torch.randn(count, generator=…)` a fill, in float32.
// The Mersenne Twister's words are the same; values differ from PyTorch's by its fast logarithm and sine (below
// 1e-6). Like PyTorch, only the low 32 bits of the seed matter. Not thread-safe: one generator per image.
class TorchNoise : public Noise {
 public:
  explicit TorchNoise(uint64_t seed);
  void fill(float* out, size_t count) override;

 private:
  static constexpr int kWords = 624;

  uint32_t next_word();
  float next_uniform_24();   // [0, 1) in steps of 2^-24
  double next_uniform_53();  // [0, 1) in steps of 2^-53
  float next_scalar_normal();
  void fill_uniform(float* out, size_t count);
  void refresh();

  uint32_t state_[kWords];
  int position_ = kWords;
  // A short fill makes normals in pairs; the second of a pair waits here, across calls of any length.
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace ipa
