#include "schedulers/lcm.h"

#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

class Lcm : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto lcm = std::make_unique<Lcm>();
    NoiseScheduleDefaults defaults;
    defaults.beta_start = 0.00085;
    defaults.beta_end = 0.012;
    defaults.beta_schedule = "scaled_linear";
    defaults.nonzero_terminal_alpha = false;
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, defaults));
    const int train_steps = schedule.train_steps();
    const double scaling = config.number("timestep_scaling", 10.0);
    lcm->prediction_ = read_prediction(config, true);
    lcm->limit_ = CleanLimit::read_with_clip(config, false);
    IPA_TRY(config.status());

    IPA_ASSIGN(lcm->timesteps_, read_distilled_timesteps(config, options, train_steps));
    const std::vector<float>& alphas = schedule.alphas_cumprod();
    for (size_t i = 0; i < lcm->timesteps_.size(); ++i) {
      const float t = lcm->timesteps_[i];
      const bool last = i + 1 == lcm->timesteps_.size();
      const float alpha = alphas[static_cast<size_t>(t)];
      const float alpha_next = alphas[static_cast<size_t>(last ? t : lcm->timesteps_[i + 1])];
      // Boundary condition of the consistency function (Song et al. 2023), with data deviation 0.5.
      const float scaled = t * static_cast<float>(scaling);
      const float power = scaled * scaled + 0.25f;
      Call call;
      call.alpha = std::sqrt(alpha);
      call.sigma = std::sqrt(1.0f - alpha);
      call.skip = 0.25f / power;
      call.out = scaled / std::sqrt(power);
      call.alpha_next = std::sqrt(alpha_next);
      call.sigma_next = std::sqrt(1.0f - alpha_next);
      lcm->calls_.push_back(call);
    }
    return std::unique_ptr<Scheduler>(std::move(lcm));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const Call& call = calls_[static_cast<size_t>(index)];
    clean_.resize(count);
    noise_.resize(count);
    predict_clean(prediction_, call.alpha, call.sigma, sample, output, clean_.data(), count);
    limit_.apply(clean_.data(), count);
    for (size_t i = 0; i < count; ++i) clean_[i] = call.out * clean_[i] + call.skip * sample[i];
    if (static_cast<size_t>(index) + 1 == calls_.size()) {
      for (size_t i = 0; i < count; ++i) sample[i] = clean_[i];
      return;
    }
    noise.fill(noise_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] = call.alpha_next * clean_[i] + call.sigma_next * noise_[i];
  }

  NoiseMix noise_mix(int index) const override {
    const Call& call = calls_[static_cast<size_t>(index)];
    return {call.alpha, call.sigma};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  struct Call {
    float alpha = 0, sigma = 0;  // square roots of the signal and noise power at this timestep
    float skip = 0, out = 0;     // weights of the sample and of the prediction in the consistency function
    float alpha_next = 0, sigma_next = 0;  // as the first two, at the next timestep
  };

  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  std::vector<Call> calls_;
  std::vector<float> clean_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_lcm(ConfigReader& config, const SchedulerOptions& options) {
  return Lcm::make(config, options);
}

}  // namespace ipa
