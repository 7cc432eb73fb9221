// How a caller wants the noise levels of a run spaced, in place of what the model's config says.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ipa {

// own: as the config says. normal: as the model was trained, whatever family the config names.
// sgm_uniform: by trailing timesteps, as Stability's sgm does. ays: Align Your Steps (Sabour et al. 2024).
// given: by the caller's numbers.
enum class SigmaSpacing : uint8_t { own, normal, karras, exponential, beta, sgm_uniform, ays, given };

// By its name in the API; "" is own, and given has no name.
std::optional<SigmaSpacing> sigma_spacing(std::string_view name);
const char* sigma_spacing_name(SigmaSpacing spacing);

struct SigmaChoice {
  SigmaSpacing spacing = SigmaSpacing::own;
  std::vector<float> values;  // given: one per step, descending; the end is the sampler's own
};

// invalid_option unless there are `steps` values, above 0 and descending.
Status check_values(const SigmaChoice& sigmas, int steps);

}  // namespace ipa
