// Denoising diffusion implicit models (Song et al. 2020), eq. 12, with eta between DDIM (0) and DDPM (1).
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

Result<std::unique_ptr<Scheduler>> make_ddim(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
