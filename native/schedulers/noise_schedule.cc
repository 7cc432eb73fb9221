#include "schedulers/noise_schedule.h"

#include <algorithm>
#include <cmath>

#include "schedulers/spacing.h"

namespace ipa {
namespace {

constexpr float kLiftedAlpha = 1.0f / 16777216.0f;  // 2^-24

enum class BetaSchedule { linear, scaled_linear, squaredcos_cap_v2 };

// Glide's cosine schedule (Nichol and Dhariwal 2021, eq. 17), betas capped at 0.999.
std::vector<float> cosine_betas(int count) {
  constexpr double kHalfPi = 1.5707963267948966192;
  const auto alpha_bar = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * kHalfPi);
    return c * c;
  };
  std::vector<float> betas(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const double from = static_cast<double>(i) / count, to = static_cast<double>(i + 1) / count;
    betas[static_cast<size_t>(i)] = static_cast<float>(std::min(1.0 - alpha_bar(to) / alpha_bar(from), 0.999));
  }
  return betas;
}

std::vector<float> cumulative_alphas(const std::vector<float>& betas) {
  std::vector<float> products(betas.size());
  double product = 1;
  for (size_t i = 0; i < betas.size(); ++i) {
    product *= static_cast<double>(1.0f - betas[i]);
    products[i] = static_cast<float>(product);
  }
  return products;
}

// Shifts sqrt(alphas_cumprod) so that it ends at 0 and stretches it back to its first value
// (Lin et al. 2023, algorithm 1).
void rescale_to_zero_terminal_snr(std::vector<float>& betas) {
  std::vector<float> root = cumulative_alphas(betas);
  for (float& value : root) value = std::sqrt(value);
  const float first = root.front(), last = root.back();
  const float stretch = first / (first - last);
  for (float& value : root) {
    value = (value - last) * stretch;
    value *= value;
  }
  betas[0] = 1.0f - root[0];
  for (size_t i = 1; i < betas.size(); ++i) betas[i] = 1.0f - root[i] / root[i - 1];
}

}  // namespace

Result<NoiseSchedule> NoiseSchedule::read(ConfigReader& config, const NoiseScheduleDefaults& defaults) {
  const int count = config.integer("num_train_timesteps", 1000, 2, 1'000'000);
  const double start = config.number("beta_start", defaults.beta_start);
  const double end = config.number("beta_end", defaults.beta_end);
  const std::optional<std::vector<double>> trained = config.optional_numbers("trained_betas");
  const bool zero_snr = defaults.zero_snr && config.boolean("rescale_betas_zero_snr", false);

  std::vector<float> betas;
  if (trained) {
    betas.assign(trained->begin(), trained->end());
    if (trained->size() != static_cast<size_t>(count)) {
      config.fail(Code::invalid_option, "trained_betas", "of " + std::to_string(trained->size()) + " numbers",
                  "give num_train_timesteps (" + std::to_string(count) + ") of them");
    }
  } else {
    const BetaSchedule kind =
        config.choice<BetaSchedule>("beta_schedule", defaults.beta_schedule,
                                    {{"linear", BetaSchedule::linear},
                                     {"scaled_linear", BetaSchedule::scaled_linear},
                                     {"squaredcos_cap_v2", BetaSchedule::squaredcos_cap_v2}});
    if (kind == BetaSchedule::squaredcos_cap_v2) {
      betas = cosine_betas(count);
    } else {
      for (const auto& [key, value] : {std::make_pair("beta_start", start), std::make_pair("beta_end", end)}) {
        if (!(value >= 0 && value < 1)) {
          config.fail(Code::invalid_option, key, std::to_string(value), "use a number from 0 to below 1");
        }
      }
      IPA_TRY(config.status());
      const bool scaled = kind == BetaSchedule::scaled_linear;
      betas = linspace_f32(static_cast<float>(scaled ? std::sqrt(start) : start),
                           static_cast<float>(scaled ? std::sqrt(end) : end), count);
      if (scaled) {
        for (float& beta : betas) beta *= beta;
      }
    }
  }
  IPA_TRY(config.status());
  for (float beta : betas) {
    if (!(beta >= 0 && beta < 1)) {
      config.fail(Code::invalid_option, "betas", "with " + std::to_string(beta),
                  "use numbers from 0 to below 1");
      return config.status();
    }
  }

  if (zero_snr) rescale_to_zero_terminal_snr(betas);
  NoiseSchedule schedule;
  schedule.alphas_cumprod_ = cumulative_alphas(betas);
  if (zero_snr && defaults.nonzero_terminal_alpha) schedule.alphas_cumprod_.back() = kLiftedAlpha;
  return schedule;
}

std::vector<float> NoiseSchedule::sigmas() const {
  std::vector<float> sigmas(alphas_cumprod_.size());
  for (size_t i = 0; i < sigmas.size(); ++i)
    sigmas[i] = std::sqrt((1.0f - alphas_cumprod_[i]) / alphas_cumprod_[i]);
  // Its exact root, 4096 - 2^-13 - 2^-39, lies a hair below the middle of two floats;
  // PyTorch's square root rounds it up, and a run that starts there multiplies the difference by thousands.
  if (alphas_cumprod_.back() == kLiftedAlpha) sigmas.back() = 4096.0f;
  return sigmas;
}

}  // namespace ipa
