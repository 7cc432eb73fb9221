// What a model's output means, and the limits put on the clean latents computed from it.
#pragma once

#include <cstddef>
#include <vector>

#include "base/config_reader.h"

namespace ipa {

enum class Prediction { epsilon, sample, v_prediction };

// Reads prediction_type. `allows_sample` is false for the classes that refuse "sample".
Prediction read_prediction(ConfigReader& config, bool allows_sample);

// For a variance-preserving state x = alpha * clean + sigma * noise, both as the output implies them.
// `out` may be either input.
void predict_clean(Prediction prediction, float alpha, float sigma, const float* sample, const float* output,
                   float* out, size_t count);
void predict_noise(Prediction prediction, float alpha, float sigma, const float* sample, const float* output,
                   float* out, size_t count);
// The same for a state x = clean + sigma * noise (k-diffusion's Euler samplers).
void predict_clean_from_sigma(Prediction prediction, float sigma, const float* sample, const float* output,
                              float* out, size_t count);

// clip_sample or dynamic thresholding (Saharia et al. 2022) of predicted clean latents;
// one instance serves one image.
class CleanLimit {
 public:
  // Reads thresholding, dynamic_thresholding_ratio and sample_max_value, and, for classes that have it,
  // clip_sample (by default `clip`) and clip_sample_range. Thresholding wins over clipping.
  static CleanLimit read_with_clip(ConfigReader& config, bool clip);
  static CleanLimit read_thresholding(ConfigReader& config);
  // clip_sample alone, by default off.
  static CleanLimit read_clip(ConfigReader& config);

  bool thresholds() const { return thresholds_; }
  // In place. NaNs stay NaN; with thresholding one NaN makes the whole image NaN, as a quantile with a NaN is.
  void apply(float* clean, size_t count);

 private:
  void read_clip_fields(ConfigReader& config, bool clip);
  float quantile_of_magnitudes(const float* values, size_t count);

  bool thresholds_ = false;
  float ratio_ = 0;
  float max_value_ = 0;
  bool clips_ = false;
  float range_ = 0;
  std::vector<float> magnitudes_;
};

}  // namespace ipa
