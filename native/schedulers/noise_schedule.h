// The training noise schedule every sampler starts from:
// betas, their cumulative products and the sigmas they mean.
#pragma once

#include <vector>

#include "base/config_reader.h"
#include "base/status.h"

namespace ipa {

// Class defaults of the fields below; they differ between the diffusers classes.
struct NoiseScheduleDefaults {
  double beta_start = 0.0001;
  double beta_end = 0.02;
  const char* beta_schedule = "linear";
  bool zero_snr = true;  // whether the class knows rescale_betas_zero_snr
  bool nonzero_terminal_alpha =
      true;  // sigma samplers lift the last alphas_cumprod to 2^-24, so that sigma stays finite
};

// float32 throughout, except where PyTorch itself goes through float64 (the running product).
class NoiseSchedule {
 public:
  // Reads num_train_timesteps, beta_start, beta_end, beta_schedule, trained_betas and rescale_betas_zero_snr.
  // invalid_option for betas outside [0, 1) or a trained_betas of another length.
  static Result<NoiseSchedule> read(ConfigReader& config, const NoiseScheduleDefaults& defaults);

  int train_steps() const { return static_cast<int>(alphas_cumprod_.size()); }
  // Product of (1 - beta) up to and including t: the share of signal power at timestep t.
  const std::vector<float>& alphas_cumprod() const { return alphas_cumprod_; }
  // sqrt((1 - alphas_cumprod) / alphas_cumprod), ascending with t.
  std::vector<float> sigmas() const;

 private:
  std::vector<float> alphas_cumprod_;
};

}  // namespace ipa
