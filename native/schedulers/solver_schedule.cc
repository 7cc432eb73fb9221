#include "schedulers/solver_schedule.h"

#include <algorithm>
#include <cmath>

#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

void refuse_flow(ConfigReader& config) {
  const char* fix = "flow-matching models cannot be run; set it to false";
  for (const char* key : {"use_flow_sigmas", "use_dynamic_shifting"}) {
    if (config.boolean(key, false)) config.fail(Code::unsupported, key, "true", fix);
  }
}

// The first timestep too noisy to start from: log SNR halves (lambda) below `minimum` are left out.
int last_timestep(const NoiseSchedule& schedule, double minimum) {
  int last = schedule.train_steps();
  for (float alpha : schedule.alphas_cumprod()) {
    const float lambda = log_f32(std::sqrt(alpha)) - log_f32(std::sqrt(1.0f - alpha));
    if (lambda < minimum) --last;
  }
  return last;
}

}  // namespace

Result<SolverSchedule> read_solver_schedule(ConfigReader& config, const SchedulerOptions& options,
                                            const SolverScheduleRules& rules) {
  NoiseScheduleDefaults defaults;
  defaults.zero_snr = rules.has_zero_snr;
  IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, defaults));
  const int train_steps = schedule.train_steps();
  const Spacing spacing = read_spacing(config, "linspace", options.sigmas.spacing);
  const int offset = read_steps_offset(config, train_steps);
  const double minimum =
      rules.has_lambda_clip
          ? config.number_or_minus_infinity("lambda_min_clipped", -std::numeric_limits<double>::infinity())
          : -std::numeric_limits<double>::infinity();
  const SigmaOptions family = read_sigma_options(config, options.sigmas, rules.has_lu);
  const FinalSigma final_sigma = rules.has_final_sigma ? read_final_sigma(config) : FinalSigma::sigma_min;
  refuse_flow(config);
  const bool cosine = config.text("beta_schedule", "linear") == "squaredcos_cap_v2";
  IPA_TRY(config.status());
  IPA_TRY(check_steps(config, options, train_steps));
  const int last = last_timestep(schedule, minimum);
  if (last < 2) {
    config.fail(Code::invalid_option, "lambda_min_clipped", std::to_string(minimum),
                "it leaves no timesteps; lower it");
    return config.status();
  }

  const std::vector<float> training = schedule.sigmas();
  std::vector<double> timesteps, sigmas;
  if (!options.timesteps.empty()) {
    timesteps.assign(options.timesteps.begin(), options.timesteps.end());
    sigmas = interpolate(timesteps, training);
  } else if (family.family == SigmaFamily::training) {
    if (spacing == Spacing::leading && options.steps >= last) {
      return Status::option("steps", std::to_string(options.steps) + " with timestep_spacing \"leading\" of " +
                                         config.where() + ": use fewer than " + std::to_string(last));
    }
    timesteps = solver_timesteps(spacing, options.steps, train_steps, last, offset);
    sigmas = interpolate(timesteps, training);
  } else {
    const std::vector<float> logs = logarithms(training);
    sigmas = respaced_sigmas(family, training.back(), training.front(), options.steps);
    const bool even = family.family == SigmaFamily::exponential || family.family == SigmaFamily::beta;
    const bool rounded = !even && !(cosine && rules.cosine_stays_fractional);
    for (double sigma : sigmas) {
      const double t = timestep_of_sigma(sigma, logs);
      timesteps.push_back(rounded ? round_half_even(t) : std::trunc(t));
    }
  }
  const double smallest =
      family.family != SigmaFamily::training && rules.last_is_sigma_min ? sigmas.back() : training.front();
  sigmas.push_back(final_sigma == FinalSigma::zero ? 0.0 : smallest);

  SolverSchedule result;
  for (double t : timesteps) result.timesteps.push_back(static_cast<float>(t));
  for (double sigma : sigmas) result.levels.push_back(noise_level(static_cast<float>(sigma)));
  return result;
}

}  // namespace ipa
