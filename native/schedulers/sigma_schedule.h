// The noise levels of a run: the training schedule's own sigmas at the visited timesteps,
// or one of the re-spaced families.
#pragma once

#include <optional>
#include <vector>

#include "base/config_reader.h"
#include "schedulers/sigma_choice.h"

namespace ipa {

// karras: Karras et al. 2022, eq. 5 with rho 7. exponential: even in log sigma.
// beta: quantiles of Beta(0.6, 0.6) (Lee et al. 2024). lu: even in log SNR (Lu et al. 2022).
// training: as the timestep spacing says. given: the caller's numbers.
enum class SigmaFamily { training, karras, exponential, beta, lu, given };

struct SigmaOptions {
  SigmaFamily family = SigmaFamily::training;
  // Ends of a re-spaced family; without them those of the schedule.
  std::optional<double> sigma_min, sigma_max;
  std::vector<float> values;  // given
};

// Reads use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas, sigma_min, sigma_max and,
// if the class `has_lu`, use_lu_lambdas. A choice of the caller's takes the place of the family.
// invalid_option when more than one of the first three is set.
SigmaOptions read_sigma_options(ConfigReader& config, const SigmaChoice& choice, bool has_lu);

enum class FinalSigma { zero, sigma_min };
// Reads final_sigmas_type.
FinalSigma read_final_sigma(ConfigReader& config);

// `table` at fractional positions, linearly; held constant outside.
std::vector<double> interpolate(const std::vector<double>& positions, const std::vector<float>& table);
std::vector<float> logarithms(const std::vector<float>& sigmas);
// `steps` descending sigmas of a re-spaced family;
// `sigma_max` and `sigma_min` are used where the options have none.
std::vector<double> respaced_sigmas(const SigmaOptions& options, double sigma_max, double sigma_min, int steps);
// The fractional training timestep with that sigma:
// linear in the logarithm between the schedule's, whose logarithms are given.
double timestep_of_sigma(double sigma, const std::vector<float>& log_sigmas);

}  // namespace ipa
