// Diffusion exponential integrator of orders 1 to 3 (Zhang and Chen 2022) in its log-rho form.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_deis(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
