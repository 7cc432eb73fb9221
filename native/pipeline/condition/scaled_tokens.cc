#include "pipeline/condition/scaled_tokens.h"

namespace ipa {

float kv_weight(const ImageBranch& branch, const CrossLayer& layer) {
  const float factor = branch.layers.empty() ? 1.0f : branch.layers[static_cast<size_t>(layer.module)];
  const float weight = branch.scale * factor;
  if (branch.kv_scaling == KvScaling::both) return weight;
  return weight * static_cast<float>(layer.hidden) / 1280.0f;
}

std::vector<float> tokens_for_keys(const std::vector<float>& tokens, float weight) {
  std::vector<float> scaled = tokens;
  for (float& value : scaled) value *= weight;
  return scaled;
}

std::vector<float> tokens_for_values(const std::vector<float>& tokens, size_t size, size_t items,
                                     KvScaling scaling, float weight) {
  if (scaling != KvScaling::mean_by_width) return tokens_for_keys(tokens, weight);
  std::vector<float> scaled = tokens;
  const size_t each = tokens.size() / items, rows = each / size;
  for (size_t item = 0; item < items; ++item)
    for (size_t j = 0; j < size; ++j) {
      float* column = scaled.data() + item * each + j;
      float mean = 0;
      for (size_t row = 0; row < rows; ++row) mean += column[row * size];
      mean /= static_cast<float>(rows);
      for (size_t row = 0; row < rows; ++row) column[row * size] += (weight - 1) * mean;
    }
  return scaled;
}

}  // namespace ipa
