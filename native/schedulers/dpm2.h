// DPM-Solver-2 as k-diffusion has it (Karras et al. 2022, algorithm 2, with the middle of each step
// at the geometric mean of its sigmas): every step but the last calls the model twice.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_dpm2(ConfigReader& config, const SchedulerOptions& options);
// With fresh noise after every step but the last.
Result<std::unique_ptr<Scheduler>> make_dpm2_ancestral(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
