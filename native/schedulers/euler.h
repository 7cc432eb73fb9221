// Euler steps on the probability-flow ODE in sigma space (Karras et al. 2022, algorithm 2 without churn).
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_euler(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
