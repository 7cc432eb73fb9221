// Heun's second-order steps in sigma space (Karras et al. 2022, algorithm 1 without churn):
// every step but the last calls the model at both ends.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_heun(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
