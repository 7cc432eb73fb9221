// DPM-Solver++ multistep of orders 1 to 3 (Lu et al. 2022), with its stochastic form and the older DPM-Solver.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_dpm_multistep(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
