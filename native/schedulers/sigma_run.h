// Timesteps and noise levels of the samplers of k-diffusion (Heun, DPM2, LMS, DPM++ SDE),
// which move a state clean + sigma * noise down to sigma 0 and place their steps alike.
#pragma once

#include <cstddef>
#include <vector>

#include "schedulers/noise_schedule.h"
#include "schedulers/scheduler.h"

namespace ipa {

struct SigmaRun {
  std::vector<double> timesteps;     // one per step, fractional
  std::vector<float> sigmas;         // one more than there are steps; the last is 0
  std::vector<float> training_logs;  // logarithms of the training schedule's sigmas
  float init_noise_sigma = 1;
};

// Where the classes differ.
struct SigmaRunRules {
  NoiseScheduleDefaults noise;
  bool karras_rounds = false;      // Karras's timesteps are whole numbers
  bool karras_keeps_ends = false;  // sigma_min and sigma_max are not for Karras's sigmas
};

// The defaults of all of these classes but LMS.
NoiseScheduleDefaults k_diffusion_noise();

// Reads every field that places the noise levels, from num_train_timesteps to use_beta_sigmas.
Result<SigmaRun> read_sigma_run(ConfigReader& config, const SchedulerOptions& options,
                                const SigmaRunRules& rules);

// What the model sees of a state with that sigma: its variance made 1. `out` may be `sample`.
void scale_by_sigma(float sigma, const float* sample, float* out, size_t count);

}  // namespace ipa
