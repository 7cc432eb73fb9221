// Linear multistep of order 4 in sigma space (Adams and Bashforth's, on unequal steps).
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_lms(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
