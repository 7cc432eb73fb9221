// UniPC (Zhao et al. 2023): a multistep predictor and a corrector that costs no model call.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_unipc(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
