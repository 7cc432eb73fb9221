#include "schedulers/prediction.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ipa {
namespace {

// Comparisons in this order let a NaN through.
float clamp(float value, float low, float high) { return value < low ? low : value > high ? high : value; }

}  // namespace

Prediction read_prediction(ConfigReader& config, bool allows_sample) {
  std::vector<std::pair<const char*, Prediction>> names = {{"epsilon", Prediction::epsilon},
                                                           {"v_prediction", Prediction::v_prediction}};
  if (allows_sample) names.push_back({"sample", Prediction::sample});
  if (config.text("prediction_type", "epsilon") == "flow_prediction") {
    config.fail(
        Code::unsupported, "prediction_type", "\"flow_prediction\"",
        "flow-matching models cannot be run; use a model that predicts epsilon, v_prediction or sample");
    return Prediction::epsilon;
  }
  return config.choice<Prediction>("prediction_type", "epsilon", names);
}

void predict_clean(Prediction prediction, float alpha, float sigma, const float* sample, const float* output,
                   float* out, size_t count) {
  switch (prediction) {
    case Prediction::epsilon:
      for (size_t i = 0; i < count; ++i) out[i] = (sample[i] - sigma * output[i]) / alpha;
      break;
    case Prediction::sample:
      if (out != output) std::copy(output, output + count, out);
      break;
    case Prediction::v_prediction:
      for (size_t i = 0; i < count; ++i) out[i] = alpha * sample[i] - sigma * output[i];
      break;
  }
}

void predict_noise(Prediction prediction, float alpha, float sigma, const float* sample, const float* output,
                   float* out, size_t count) {
  switch (prediction) {
    case Prediction::epsilon:
      if (out != output) std::copy(output, output + count, out);
      break;
    case Prediction::sample:
      for (size_t i = 0; i < count; ++i) out[i] = (sample[i] - alpha * output[i]) / sigma;
      break;
    case Prediction::v_prediction:
      for (size_t i = 0; i < count; ++i) out[i] = alpha * output[i] + sigma * sample[i];
      break;
  }
}

void predict_clean_from_sigma(Prediction prediction, float sigma, const float* sample, const float* output,
                              float* out, size_t count) {
  switch (prediction) {
    case Prediction::epsilon:
      for (size_t i = 0; i < count; ++i) out[i] = sample[i] - sigma * output[i];
      break;
    case Prediction::sample:
      if (out != output) std::copy(output, output + count, out);
      break;
    case Prediction::v_prediction: {
      const float variance = sigma * sigma + 1.0f;
      const float scale = -sigma / std::sqrt(variance);
      for (size_t i = 0; i < count; ++i) out[i] = output[i] * scale + sample[i] / variance;
      break;
    }
  }
}

CleanLimit CleanLimit::read_thresholding(ConfigReader& config) {
  CleanLimit limit;
  limit.thresholds_ = config.boolean("thresholding", false);
  const double ratio = config.number("dynamic_thresholding_ratio", 0.995);
  if (limit.thresholds_ && !(ratio >= 0 && ratio <= 1)) {
    config.fail(Code::invalid_option, "dynamic_thresholding_ratio", std::to_string(ratio),
                "use a number from 0 to 1");
  }
  limit.ratio_ = static_cast<float>(ratio);
  limit.max_value_ = static_cast<float>(config.number("sample_max_value", 1.0));
  return limit;
}

CleanLimit CleanLimit::read_with_clip(ConfigReader& config, bool clip) {
  CleanLimit limit = read_thresholding(config);
  limit.read_clip_fields(config, clip);
  return limit;
}

CleanLimit CleanLimit::read_clip(ConfigReader& config) {
  CleanLimit limit;
  limit.read_clip_fields(config, false);
  return limit;
}

void CleanLimit::read_clip_fields(ConfigReader& config, bool clip) {
  clips_ = config.boolean("clip_sample", clip);
  range_ = static_cast<float>(config.number("clip_sample_range", 1.0));
}

// PyTorch's quantile with linear interpolation, its rank in float32.
float CleanLimit::quantile_of_magnitudes(const float* values, size_t count) {
  magnitudes_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    magnitudes_[i] = std::fabs(values[i]);
    if (std::isnan(magnitudes_[i])) return std::numeric_limits<float>::quiet_NaN();
  }
  const float rank = ratio_ * static_cast<float>(count - 1);
  const size_t below = std::min(static_cast<size_t>(rank), count - 1);
  const auto middle = magnitudes_.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(magnitudes_.begin(), middle, magnitudes_.end());
  const float low = *middle;
  if (below + 1 == count) return low;
  const float high = *std::min_element(middle + 1, magnitudes_.end());
  const float weight = rank - static_cast<float>(below);
  return weight < 0.5f ? low + weight * (high - low) : high - (high - low) * (1.0f - weight);
}

void CleanLimit::apply(float* clean, size_t count) {
  if (count == 0) return;
  if (thresholds_) {
    const float quantile = quantile_of_magnitudes(clean, count);
    float bound = quantile < 1.0f ? 1.0f : quantile;
    if (bound > max_value_) bound = max_value_;
    for (size_t i = 0; i < count; ++i) {
      clean[i] = std::isnan(bound) ? bound : clamp(clean[i], -bound, bound) / bound;
    }
  } else if (clips_) {
    for (size_t i = 0; i < count; ++i) clean[i] = clamp(clean[i], -range_, range_);
  }
}

}  // namespace ipa
