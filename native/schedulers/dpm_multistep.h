// DPM-Solver++ multistep of orders 1 to 3 (Lu et al. 2022), with its stochastic form and the older DPM-Solver.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_dpm_multistep(ConfigReader& config, const SchedulerOptions& options);
// The stochastic form of DPM-Solver++ of order 2 or 3, whatever the config says.
Result<std::unique_ptr<Scheduler>> make_dpm_2m_sde(ConfigReader& config, const SchedulerOptions& options);
Result<std::unique_ptr<Scheduler>> make_dpm_3m_sde(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
