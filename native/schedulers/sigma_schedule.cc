#include "schedulers/sigma_schedule.h"

#include <algorithm>
#include <cmath>

#include "schedulers/beta_quantile.h"
#include "schedulers/spacing.h"

namespace ipa {

SigmaOptions read_sigma_options(ConfigReader& config, const SigmaChoice& choice, bool has_lu) {
  const bool karras = config.boolean("use_karras_sigmas", false);
  const bool exponential = config.boolean("use_exponential_sigmas", false);
  const bool beta = config.boolean("use_beta_sigmas", false);
  const bool lu = has_lu && config.boolean("use_lu_lambdas", false);
  if (karras + exponential + beta > 1) {
    config.fail(Code::invalid_option, "use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas", "together",
                "set one of them at most");
  }
  SigmaOptions options;
  switch (choice.spacing) {
    case SigmaSpacing::own:
      options.family = karras        ? SigmaFamily::karras
                       : lu          ? SigmaFamily::lu
                       : exponential ? SigmaFamily::exponential
                       : beta        ? SigmaFamily::beta
                                     : SigmaFamily::training;
      break;
    case SigmaSpacing::karras: options.family = SigmaFamily::karras; break;
    case SigmaSpacing::exponential: options.family = SigmaFamily::exponential; break;
    case SigmaSpacing::beta: options.family = SigmaFamily::beta; break;
    case SigmaSpacing::normal:
    case SigmaSpacing::sgm_uniform: options.family = SigmaFamily::training; break;
    case SigmaSpacing::ays:
    case SigmaSpacing::given:
      options.family = SigmaFamily::given;
      options.values = choice.values;
      break;
  }
  options.sigma_min = config.optional_number("sigma_min");
  options.sigma_max = config.optional_number("sigma_max");
  for (const auto& [key, value] :
       {std::make_pair("sigma_min", options.sigma_min), std::make_pair("sigma_max", options.sigma_max)}) {
    if (value && !(*value > 0)) {
      config.fail(Code::invalid_option, key, std::to_string(*value), "use a number above 0");
    }
  }
  return options;
}

FinalSigma read_final_sigma(ConfigReader& config) {
  return config.choice<FinalSigma>("final_sigmas_type", "zero",
                                   {{"zero", FinalSigma::zero}, {"sigma_min", FinalSigma::sigma_min}});
}

std::vector<double> interpolate(const std::vector<double>& positions, const std::vector<float>& table) {
  std::vector<double> values;
  values.reserve(positions.size());
  const double last = static_cast<double>(table.size() - 1);
  for (double position : positions) {
    if (!(position > 0)) {
      values.push_back(table.front());
    } else if (position >= last) {
      values.push_back(table.back());
    } else {
      const size_t i = static_cast<size_t>(position);
      const double low = table[i], slope = table[i + 1] - low;
      values.push_back(slope * (position - static_cast<double>(i)) + low);
    }
  }
  return values;
}

std::vector<float> logarithms(const std::vector<float>& sigmas) {
  std::vector<float> logs(sigmas.size());
  for (size_t i = 0; i < sigmas.size(); ++i)
    logs[i] = static_cast<float>(std::log(static_cast<double>(sigmas[i])));
  return logs;
}

std::vector<double> respaced_sigmas(const SigmaOptions& options, double sigma_max, double sigma_min,
                                    int steps) {
  if (options.family != SigmaFamily::lu) {
    sigma_max = options.sigma_max.value_or(sigma_max);
    sigma_min = options.sigma_min.value_or(sigma_min);
  }
  std::vector<double> sigmas;
  switch (options.family) {
    case SigmaFamily::training: break;
    case SigmaFamily::given: sigmas.assign(options.values.begin(), options.values.end()); break;
    case SigmaFamily::karras: {
      constexpr double kRho = 7;
      const double from = std::pow(sigma_max, 1 / kRho), to = std::pow(sigma_min, 1 / kRho);
      sigmas = linspace(0, 1, steps);
      for (double& sigma : sigmas) sigma = std::pow(from + sigma * (to - from), kRho);
      break;
    }
    case SigmaFamily::exponential:
      sigmas = linspace(std::log(sigma_max), std::log(sigma_min), steps);
      for (double& sigma : sigmas) sigma = std::exp(sigma);
      break;
    case SigmaFamily::lu: {
      // The logarithms are float32 in diffusers.
      const double from = static_cast<float>(std::log(sigma_max)), to = static_cast<float>(std::log(sigma_min));
      sigmas = linspace(0, 1, steps);
      for (double& sigma : sigmas) sigma = std::exp(from + sigma * (to - from));
      break;
    }
    case SigmaFamily::beta:
      sigmas = linspace(0, 1, steps);
      for (double& sigma : sigmas) {
        sigma = sigma_min + beta_quantile(1 - sigma, 0.6, 0.6) * (sigma_max - sigma_min);
      }
      break;
  }
  return sigmas;
}

double timestep_of_sigma(double sigma, const std::vector<float>& log_sigmas) {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  size_t low = 0;
  for (size_t i = 0; i < log_sigmas.size(); ++i) {
    if (log_sigmas[i] <= log_sigma) low = i;
  }
  low = std::min(low, log_sigmas.size() - 2);
  const double distance = log_sigmas[low] - log_sigmas[low + 1];
  const double weight = std::clamp((log_sigmas[low] - log_sigma) / distance, 0.0, 1.0);
  return (1 - weight) * static_cast<double>(low) + weight * static_cast<double>(low + 1);
}

}  // namespace ipa
