// Trajectory consistency distillation (Zheng et al. 2024):
// like a latent consistency model, with as much fresh noise as eta says.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_tcd(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
