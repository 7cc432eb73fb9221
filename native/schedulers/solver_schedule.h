// Timesteps and noise levels of the multistep solvers (DPM-Solver, UniPC and DEIS), which place them alike.
#pragma once

#include <limits>
#include <vector>

#include "schedulers/log_snr.h"
#include "schedulers/noise_schedule.h"
#include "schedulers/scheduler.h"
#include "schedulers/sigma_schedule.h"

namespace ipa {

struct SolverSchedule {
  std::vector<float> timesteps;    // whole numbers
  std::vector<NoiseLevel> levels;  // one more than there are timesteps
};

// Where the solvers differ.
struct SolverScheduleRules {
  bool has_zero_snr = true;              // rescale_betas_zero_snr
  bool has_final_sigma = true;           // final_sigmas_type, else it is "sigma_min"
  bool has_lu = false;                   // use_lu_lambdas
  bool has_lambda_clip = false;          // lambda_min_clipped
  bool cosine_stays_fractional = false;  // re-spaced timesteps of squaredcos_cap_v2 are cut, not rounded
  bool last_is_sigma_min = false;        // final_sigmas_type "sigma_min" repeats the last re-spaced sigma
};

// Reads every field that places the noise levels, from num_train_timesteps to final_sigmas_type,
// and refuses the flow-matching ones as unsupported.
Result<SolverSchedule> read_solver_schedule(ConfigReader& config, const SchedulerOptions& options,
                                            const SolverScheduleRules& rules);

}  // namespace ipa
