#include "schedulers/ddim.h"

#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

class Ddim : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto ddim = std::make_unique<Ddim>();
    NoiseScheduleDefaults defaults;
    defaults.nonzero_terminal_alpha = false;
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, defaults));
    const Spacing spacing = read_spacing(config, "leading", options.sigmas.spacing);
    const int offset = read_steps_offset(config, schedule.train_steps());
    const bool alpha_to_one = config.boolean("set_alpha_to_one", true);
    ddim->prediction_ = read_prediction(config, true);
    ddim->limit_ = CleanLimit::read_with_clip(config, true);
    ddim->stochastic_ = options.eta > 0;
    IPA_TRY(config.status());
    IPA_TRY(check_steps(config, options.steps, schedule.train_steps()));

    const std::vector<double> timesteps =
        spaced_timesteps(spacing, options.steps, schedule.train_steps(), offset, true);
    IPA_TRY(check_timesteps(config, timesteps, schedule.train_steps()));
    const std::vector<float>& alphas = schedule.alphas_cumprod();
    const int stride = schedule.train_steps() / options.steps;
    for (double timestep : timesteps) {
      const int t = static_cast<int>(timestep), previous = t - stride;
      const float alpha = alphas[static_cast<size_t>(t)];
      const float alpha_previous = previous >= 0  ? alphas[static_cast<size_t>(previous)]
                                   : alpha_to_one ? 1.0f
                                                  : alphas[0];
      const float variance = ((1.0f - alpha_previous) / (1.0f - alpha)) * (1.0f - alpha / alpha_previous);
      const float deviation = options.eta * std::sqrt(variance);
      Call call;
      call.alpha = std::sqrt(alpha);
      call.sigma = std::sqrt(1.0f - alpha);
      call.alpha_next = std::sqrt(alpha_previous);
      call.direction = std::sqrt(1.0f - alpha_previous - deviation * deviation);
      call.deviation = deviation;
      ddim->calls_.push_back(call);
      ddim->timesteps_.push_back(static_cast<float>(t));
    }
    return std::unique_ptr<Scheduler>(std::move(ddim));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const Call& call = calls_[static_cast<size_t>(index)];
    clean_.resize(count);
    epsilon_.resize(count);
    predict_clean(prediction_, call.alpha, call.sigma, sample, output, clean_.data(), count);
    // The noise is that of the unlimited prediction, as in diffusers with use_clipped_model_output left off.
    predict_noise(prediction_, call.alpha, call.sigma, sample, output, epsilon_.data(), count);
    limit_.apply(clean_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] = call.alpha_next * clean_[i] + call.direction * epsilon_[i];
    if (!stochastic_) return;
    noise.fill(epsilon_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] += call.deviation * epsilon_[i];
  }

  NoiseMix noise_mix(int index) const override {
    const Call& call = calls_[static_cast<size_t>(index)];
    return {call.alpha, call.sigma};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  struct Call {
    float alpha = 0, sigma = 0;  // square roots of the signal and noise power at this timestep
    float alpha_next = 0;        // the signal's at the next one
    float direction = 0;         // weight of the predicted noise
    float deviation = 0;         // of the fresh noise
  };

  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  bool stochastic_ = false;
  std::vector<Call> calls_;
  std::vector<float> clean_, epsilon_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_ddim(ConfigReader& config, const SchedulerOptions& options) {
  return Ddim::make(config, options);
}

}  // namespace ipa
