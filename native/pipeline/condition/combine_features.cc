#include "pipeline/condition/combine_features.h"

#include <cmath>
#include <numeric>

namespace ipa {
namespace {

// What the weighted pictures are multiplied by in the sum.
Result<std::vector<double>> coefficients(const std::vector<float>& weights, Combine how) {
  const auto count = static_cast<double>(weights.size());
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (how == Combine::average && sum == 0)
    return Status::option("imagePrompts", "weights add up to 0, by which \"average\" divides: use \"add\"");
  if ((how == Combine::subtract || how == Combine::norm_average) && weights.size() < 2)
    return Status::option("imagePrompts", "combine needs two pictures or more: leave it out");
  std::vector<double> result;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (how == Combine::average) result.push_back(1 / sum);
    if (how == Combine::add) result.push_back(1);
    if (how == Combine::subtract) result.push_back(i == 0 ? 1 : -1 / (count - 1));
    if (how == Combine::norm_average) result.push_back(1 / count);
  }
  return result;
}

}  // namespace

Result<std::vector<std::vector<float>>> combine_features(std::vector<std::vector<float>> pictures,
                                                         const std::vector<float>& weights, Combine how) {
  if (how == Combine::concat) {
    for (size_t i = 0; i < pictures.size(); ++i)
      if (weights[i] != 1)
        for (float& value : pictures[i]) value *= weights[i];
    return pictures;
  }
  IPA_ASSIGN(const std::vector<double> factors, coefficients(weights, how));
  std::vector<float> merged(pictures.front().size());
  for (size_t j = 0; j < merged.size(); ++j) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pictures.size(); ++i) {
      const double value = static_cast<double>(weights[i]) * static_cast<double>(pictures[i][j]);
      sum += factors[i] * value;
      squares += value * value;
    }
    // Where all pictures have 0, there is no direction to average.
    if (how == Combine::norm_average) sum = squares == 0 ? 0 : sum / std::sqrt(squares);
    merged[j] = static_cast<float>(sum);
  }
  return std::vector<std::vector<float>>{merged};
}

}  // namespace ipa
