// Euler steps with ancestral noise (k-diffusion's euler_ancestral):
// every step draws noise, the last one with weight zero.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_euler_ancestral(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
