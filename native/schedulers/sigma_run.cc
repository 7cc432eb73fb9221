#include "schedulers/sigma_run.h"

#include <algorithm>
#include <cmath>

#include "schedulers/sigma_schedule.h"
#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {

NoiseScheduleDefaults k_diffusion_noise() {
  NoiseScheduleDefaults defaults;
  defaults.beta_start = 0.00085;
  defaults.beta_end = 0.012;
  defaults.zero_snr = false;
  return defaults;
}

Result<SigmaRun> read_sigma_run(ConfigReader& config, const SchedulerOptions& options,
                                const SigmaRunRules& rules) {
  IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, rules.noise));
  const Spacing spacing = read_spacing(config, "linspace", options.sigmas.spacing);
  const int offset = read_steps_offset(config, schedule.train_steps());
  SigmaOptions family = read_sigma_options(config, options.sigmas, false);
  const bool karras = family.family == SigmaFamily::karras;
  if (karras && rules.karras_keeps_ends) family.sigma_min = family.sigma_max = std::nullopt;
  IPA_TRY(config.status());
  IPA_TRY(check_steps(config, options, schedule.train_steps()));

  SigmaRun run;
  const std::vector<float> training = schedule.sigmas();
  run.training_logs = logarithms(training);
  run.timesteps = options.timesteps.empty()
                      ? spaced_timesteps(spacing, options.steps, schedule.train_steps(), offset, false)
                      : std::vector<double>(options.timesteps.begin(), options.timesteps.end());
  // NumPy holds them in float32 before it looks up the sigmas.
  for (double& t : run.timesteps) t = static_cast<float>(t);
  std::vector<double> sigmas = interpolate(run.timesteps, training);
  if (family.family != SigmaFamily::training) {
    sigmas = respaced_sigmas(family, sigmas.front(), sigmas.back(), options.steps);
    run.timesteps.clear();
    for (double sigma : sigmas) {
      const double t = timestep_of_sigma(sigma, run.training_logs);
      run.timesteps.push_back(karras && rules.karras_rounds ? round_half_even(t) : t);
    }
  }
  run.sigmas.assign(sigmas.begin(), sigmas.end());
  const float largest = *std::max_element(run.sigmas.begin(), run.sigmas.end());
  run.init_noise_sigma = spacing == Spacing::leading ? std::sqrt(largest * largest + 1.0f) : largest;
  run.sigmas.push_back(0.0f);
  return run;
}

void scale_by_sigma(float sigma, const float* sample, float* out, size_t count) {
  const float scale = std::sqrt(sigma * sigma + 1.0f);
  for (size_t i = 0; i < count; ++i) out[i] = sample[i] / scale;
}

}  // namespace ipa
