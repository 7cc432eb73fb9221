// DPM-Solver++ as a stochastic differential equation, single-step, of order 2 (k-diffusion's dpmpp_sde):
// every step but the last calls the model twice.
#pragma once

#include "base/config_reader.h"
#include "schedulers/scheduler.h"

namespace ipa {

// DPMSolverSDEScheduler reads one Brownian motion, a function of sigma, from a tree with a seed of its own.
// Here it is drawn as it is passed: one fill from the start of a step to its middle, one from there to its end,
// each times the square root of the sigma it covers.
Result<std::unique_ptr<Scheduler>> make_dpm_sde(ConfigReader& config, const SchedulerOptions& options);

}  // namespace ipa
