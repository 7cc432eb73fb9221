#include "schedulers/step_range.h"

#include "schedulers/spacing.h"

namespace ipa {

int read_steps_offset(ConfigReader& config, int train_steps) {
  return config.integer("steps_offset", 0, -train_steps, train_steps);
}

Status check_steps(const ConfigReader& config, int steps, int train_steps) {
  if (steps >= 1 && steps <= train_steps) return Status::ok_status();
  return Status::option("steps", "expected 1 to " + std::to_string(train_steps) + " (num_train_timesteps of " +
                                     config.where() + ") but received " + std::to_string(steps));
}

Status check_steps(const ConfigReader& config, const SchedulerOptions& options, int train_steps) {
  IPA_TRY(check_steps(config, options.steps, train_steps));
  for (size_t i = 0; i < options.timesteps.size(); ++i)
    if (options.timesteps[i] < 0 || options.timesteps[i] >= train_steps)
      return Status::option("timesteps[" + std::to_string(i) + "]",
                            "expected 0 to " + std::to_string(train_steps - 1) + " (num_train_timesteps of " +
                                config.where() + ") but received " + std::to_string(options.timesteps[i]));
  return Status::ok_status();
}

Result<std::vector<float>> read_distilled_timesteps(ConfigReader& config, const SchedulerOptions& options,
                                                    int train_steps) {
  const int original = config.integer("original_inference_steps", 50, 1, train_steps);
  IPA_TRY(config.status());
  IPA_TRY(check_steps(config, options, train_steps));
  if (!options.timesteps.empty()) return std::vector<float>(options.timesteps.begin(), options.timesteps.end());
  if (options.steps > original) {
    return Status::option("steps", "expected 1 to " + std::to_string(original) +
                                       " (original_inference_steps of " + config.where() + ") but received " +
                                       std::to_string(options.steps));
  }
  const int kept = static_cast<int>(original * options.original_share);
  if (options.steps > kept) {
    return Status::option("strength",
                          "it leaves " + std::to_string(kept) + " of the " + std::to_string(original) +
                              " steps that the model was distilled on, fewer than steps (" +
                              std::to_string(options.steps) + "): use more strength or fewer steps");
  }
  return distilled_timesteps(options.steps, original, kept, train_steps);
}

Status check_timesteps(const ConfigReader& config, const std::vector<double>& timesteps, int train_steps) {
  for (double t : timesteps) {
    if (t >= 0 && t <= train_steps - 1) continue;
    return Status::option("steps", std::to_string(timesteps.size()) + " with the steps_offset of " +
                                       config.where() + " reach timestep " +
                                       std::to_string(static_cast<long long>(t)) + ", outside 0.." +
                                       std::to_string(train_steps - 1) + ": use fewer steps");
  }
  return Status::ok_status();
}

}  // namespace ipa
