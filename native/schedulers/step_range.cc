#include "schedulers/step_range.h"

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
