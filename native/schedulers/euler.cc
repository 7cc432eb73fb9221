#include "schedulers/euler.h"

#include <algorithm>
#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/sigma_schedule.h"
#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

enum class Interpolation { linear, log_linear };
enum class TimestepType { discrete, continuous };

Prediction read_euler_prediction(ConfigReader& config) {
  // An old synonym this class still takes.
  if (config.text("prediction_type", "epsilon") == "original_sample") return Prediction::sample;
  return read_prediction(config, true);
}

class Euler : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto euler = std::make_unique<Euler>();
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, NoiseScheduleDefaults()));
    const Spacing spacing = read_spacing(config, "linspace", options.sigmas.spacing);
    const int offset = read_steps_offset(config, schedule.train_steps());
    const Interpolation interpolation = config.choice<Interpolation>(
        "interpolation_type", "linear",
        {{"linear", Interpolation::linear}, {"log_linear", Interpolation::log_linear}});
    const TimestepType type = config.choice<TimestepType>(
        "timestep_type", "discrete",
        {{"discrete", TimestepType::discrete}, {"continuous", TimestepType::continuous}});
    const SigmaOptions family = read_sigma_options(config, options.sigmas, false);
    const FinalSigma final_sigma = read_final_sigma(config);
    euler->prediction_ = read_euler_prediction(config);
    IPA_TRY(config.status());
    IPA_TRY(check_steps(config, options, schedule.train_steps()));
    if (!options.timesteps.empty() && type == TimestepType::continuous &&
        euler->prediction_ == Prediction::v_prediction)
      return Status::option("timesteps",
                            "the model's scheduler counts in logarithms of sigma (timestep_type "
                            "\"continuous\"): give noise levels as sigmas instead");

    const std::vector<float> training = schedule.sigmas();
    const std::vector<float> logs = logarithms(training);
    std::vector<double> timesteps =
        options.timesteps.empty()
            ? spaced_timesteps(spacing, options.steps, schedule.train_steps(), offset, false)
            : std::vector<double>(options.timesteps.begin(), options.timesteps.end());
    // NumPy holds them in float32 before it looks up the sigmas.
    for (double& t : timesteps) t = static_cast<float>(t);
    std::vector<double> sigmas;
    if (interpolation == Interpolation::linear) {
      sigmas = interpolate(timesteps, training);
    } else {
      // One level more than there are steps:
      // the run ends at the schedule's smallest sigma instead of the final one.
      for (float log : linspace_f32(logs.back(), logs.front(), options.steps + 1)) {
        sigmas.push_back(static_cast<float>(std::exp(static_cast<double>(log))));
      }
    }
    if (family.family != SigmaFamily::training) {
      sigmas = respaced_sigmas(family, sigmas.front(), sigmas.back(), options.steps);
      timesteps.clear();
      for (double sigma : sigmas) timesteps.push_back(timestep_of_sigma(sigma, logs));
    }
    for (double sigma : sigmas) euler->sigmas_.push_back(static_cast<float>(sigma));
    euler->sigmas_.push_back(final_sigma == FinalSigma::zero ? 0.0f : training.front());

    if (type == TimestepType::continuous && euler->prediction_ == Prediction::v_prediction) {
      for (size_t i = 0; i + 1 < euler->sigmas_.size(); ++i) {
        euler->timesteps_.push_back(0.25f *
                                    static_cast<float>(std::log(static_cast<double>(euler->sigmas_[i]))));
      }
    } else {
      for (double t : timesteps) euler->timesteps_.push_back(static_cast<float>(t));
    }
    const float largest = *std::max_element(euler->sigmas_.begin(), euler->sigmas_.end());
    euler->init_noise_sigma_ = spacing == Spacing::leading ? std::sqrt(largest * largest + 1.0f) : largest;
    return std::unique_ptr<Scheduler>(std::move(euler));
  }

  float init_noise_sigma() const override { return init_noise_sigma_; }

  void scale_model_input(int index, const float* sample, float* out, size_t count) const override {
    const float sigma = sigmas_[static_cast<size_t>(index)];
    const float scale = std::sqrt(sigma * sigma + 1.0f);
    for (size_t i = 0; i < count; ++i) out[i] = sample[i] / scale;
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    const float sigma = sigmas_[static_cast<size_t>(index)];
    const float change = sigmas_[static_cast<size_t>(index) + 1] - sigma;
    clean_.resize(count);
    predict_clean_from_sigma(prediction_, sigma, sample, output, clean_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] += (sample[i] - clean_[i]) / sigma * change;
  }

  NoiseMix noise_mix(int index) const override { return {1.0f, sigmas_[static_cast<size_t>(index)]}; }

  const float* denoised() const override { return clean_.data(); }

 private:
  Prediction prediction_ = Prediction::epsilon;
  float init_noise_sigma_ = 1;
  std::vector<float> sigmas_;  // one more than there are calls, at least
  std::vector<float> clean_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_euler(ConfigReader& config, const SchedulerOptions& options) {
  return Euler::make(config, options);
}

}  // namespace ipa
