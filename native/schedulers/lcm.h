// Multistep sampling of latent consistency models (Luo et al. 2023).
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_lcm(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
