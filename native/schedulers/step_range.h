// Range checks of step counts and timesteps that the schedulers share.
#pragma once

#include <vector>

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

// Reads steps_offset, within +-train_steps.
int read_steps_offset(ConfigReader& config, int train_steps);
// invalid_option unless steps is in 1..train_steps.
Status check_steps(const ConfigReader& config, int steps, int train_steps);
// The same, and invalid_option when one of the caller's own timesteps lies outside the training schedule.
Status check_steps(const ConfigReader& config, const SchedulerOptions& options, int train_steps);
// The timesteps of LCM and TCD: the caller's own, else chosen from original_inference_steps, which this reads,
// or from the share of them in options.original_share.
// invalid_option when these are fewer than the steps.
Result<std::vector<float>> read_distilled_timesteps(ConfigReader& config, const SchedulerOptions& options,
                                                    int train_steps);
// invalid_option when a timestep lies outside the training schedule
// (too large a steps_offset for that many steps).
Status check_timesteps(const ConfigReader& config, const std::vector<double>& timesteps, int train_steps);

}  // namespace ipa
