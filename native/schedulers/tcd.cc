#include "schedulers/tcd.h"

#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

class Tcd : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto tcd = std::make_unique<Tcd>();
    NoiseScheduleDefaults defaults;
    defaults.beta_start = 0.00085;
    defaults.beta_end = 0.012;
    defaults.beta_schedule = "scaled_linear";
    defaults.nonzero_terminal_alpha = false;
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, defaults));
    const int train_steps = schedule.train_steps();
    tcd->prediction_ = read_prediction(config, true);
    tcd->stochastic_ = options.eta > 0;
    IPA_TRY(config.status());

    IPA_ASSIGN(tcd->timesteps_, read_distilled_timesteps(config, options, train_steps));
    const std::vector<float>& alphas = schedule.alphas_cumprod();
    const auto keep = static_cast<float>(1.0 - static_cast<double>(options.eta));
    for (size_t i = 0; i < tcd->timesteps_.size(); ++i) {
      const float next = i + 1 < tcd->timesteps_.size() ? tcd->timesteps_[i + 1] : 0.0f;
      const float alpha = alphas[static_cast<size_t>(tcd->timesteps_[i])];
      const float alpha_next = alphas[static_cast<size_t>(next)];
      const float alpha_down = alphas[static_cast<size_t>(std::floor(keep * next))];
      Call call;
      call.alpha = std::sqrt(alpha);
      call.sigma = std::sqrt(1.0f - alpha);
      call.alpha_down = std::sqrt(alpha_down);
      call.sigma_down = std::sqrt(1.0f - alpha_down);
      call.shrink = std::sqrt(alpha_next / alpha_down);
      call.deviation = std::sqrt(1.0f - alpha_next / alpha_down);
      tcd->calls_.push_back(call);
    }
    return std::unique_ptr<Scheduler>(std::move(tcd));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const Call& call = calls_[static_cast<size_t>(index)];
    clean_.resize(count);
    noise_.resize(count);
    predict_clean(prediction_, call.alpha, call.sigma, sample, output, clean_.data(), count);
    predict_noise(prediction_, call.alpha, call.sigma, sample, output, noise_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] = call.alpha_down * clean_[i] + call.sigma_down * noise_[i];
    if (!stochastic_ || static_cast<size_t>(index) + 1 == calls_.size()) return;
    noise.fill(noise_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] = call.shrink * sample[i] + call.deviation * noise_[i];
  }

  NoiseMix noise_mix(int index) const override {
    const Call& call = calls_[static_cast<size_t>(index)];
    return {call.alpha, call.sigma};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  struct Call {
    float alpha = 0, sigma = 0;            // square roots of the signal and noise power at this timestep
    float alpha_down = 0, sigma_down = 0;  // as these, where the step goes down to
    float shrink = 0, deviation = 0;       // from there up to the next timestep, with fresh noise
  };

  Prediction prediction_ = Prediction::epsilon;
  bool stochastic_ = false;
  std::vector<Call> calls_;
  std::vector<float> clean_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_tcd(ConfigReader& config, const SchedulerOptions& options) {
  return Tcd::make(config, options);
}

}  // namespace ipa
