// Noise levels in the terms the exponential-integrator solvers use.
#pragma once

#include <cmath>
#include <vector>

namespace ipa {

// float32 like PyTorch's, computed through double so that it does not depend on a platform's float functions.
inline float exp_f32(float x) { return static_cast<float>(std::exp(static_cast<double>(x))); }
inline float expm1_f32(float x) { return static_cast<float>(std::expm1(static_cast<double>(x))); }
inline float log_f32(float x) { return static_cast<float>(std::log(static_cast<double>(x))); }

// A variance-preserving state alpha * clean + sigma * noise;
// lambda = log(alpha / sigma), infinite at the end (sigma 0).
struct NoiseLevel {
  float alpha = 1, sigma = 0, lambda = 0;
};

// `sigma` is the ratio sigma / alpha.
inline NoiseLevel noise_level(float sigma) {
  NoiseLevel level;
  level.alpha = 1.0f / std::sqrt(sigma * sigma + 1.0f);
  level.sigma = sigma * level.alpha;
  level.lambda = log_f32(level.alpha) - log_f32(level.sigma);
  return level;
}

}  // namespace ipa
