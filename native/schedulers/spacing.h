// Which training timesteps a run visits: the "linspace",
// "leading" and "trailing" spacings of diffusers (table 2 of Lin et al. 2023), down to NumPy's rounding.
#pragma once

#include <vector>

#include "base/config_reader.h"
#include "schedulers/sigma_choice.h"

namespace ipa {

enum class Spacing { linspace, leading, trailing };

// Reads timestep_spacing; sgm_uniform is trailing, whatever it says.
Spacing read_spacing(ConfigReader& config, const char* fallback, SigmaSpacing asked);

// `count` evenly spaced numbers from `start` to `stop`, both included; one number is `start`.
std::vector<double> linspace(double start, double stop, int count);
// PyTorch's float32 variant: built from both ends, each term with one rounding.
std::vector<float> linspace_f32(float start, float stop, int count);
// To the nearest whole number, halves to even.
double round_half_even(double value);

// Descending timesteps of `steps` model calls out of `train_steps`. With `rounded` false the linspace spacing
// stays fractional. leading: multiples of train_steps / steps (whole) plus `offset`; trailing: from train_steps
// - 1 down in steps of train_steps / steps. linspace: from train_steps - 1 to 0.
std::vector<double> spaced_timesteps(Spacing spacing, int steps, int train_steps, int offset, bool rounded);
// The timesteps of a model distilled on `original` of them,
// multiples of train_steps / original (whole) less one: `steps` of the first `kept` of these, evenly chosen
// from the last of them down.
std::vector<float> distilled_timesteps(int steps, int original, int kept, int train_steps);
// The multistep solvers' variant: the last of steps + 1 timesteps is left out (they end at sigma 0 themselves),
// and only timesteps below `last_timestep` (<= train_steps) are used.
// Trailing may give fewer than `steps` when it is less.
std::vector<double> solver_timesteps(Spacing spacing, int steps, int train_steps, int last_timestep,
                                     int offset);

}  // namespace ipa
