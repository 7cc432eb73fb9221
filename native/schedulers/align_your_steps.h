// The noise levels of "Align Your Steps" (Sabour, Fidler and Kreis 2024), as its authors publish them.
#pragma once

#include <vector>

namespace ipa {

// `steps` descending levels for Stable Diffusion 1.5, or SDXL:
// the published ten, or as many as are asked for, linear in the logarithm between them.
std::vector<float> align_your_steps(bool xl, int steps);

}  // namespace ipa
