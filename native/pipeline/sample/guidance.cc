#include "pipeline/sample/guidance.h"

#include <algorithm>

namespace ipa {

std::vector<GuidancePart> Guidance::parts(bool guided) const {
  constexpr GuidancePart nothing{false, false}, negative{false, true}, positive{true, true};
  if (!guided) return {positive};
  if (instruct_) return {nothing, negative, positive};
  return {negative, positive};
}

// Ho and Salimans 2022; of instruct models Brooks et al. 2023, eq. 3.
void Guidance::combine(bool guided, const float* outputs, size_t count, float* prediction) const {
  if (!guided) {
    std::copy_n(outputs, count, prediction);
    return;
  }
  const float* nothing = outputs;
  const float* negative = outputs + (instruct_ ? count : 0);
  const float* positive = negative + count;
  for (size_t i = 0; i < count; ++i) {
    const float towards_prompt = scale_ * (positive[i] - negative[i]);
    prediction[i] = instruct_ ? nothing[i] + towards_prompt + picture_scale_ * (negative[i] - nothing[i])
                              : negative[i] + towards_prompt;
  }
}

}  // namespace ipa
