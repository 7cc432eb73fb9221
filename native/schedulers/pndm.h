// Pseudo numerical methods (Liu et al. 2022): linear multistep (PLMS),
// started by Runge-Kutta unless skip_prk_steps is set.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_pndm(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
