#include "schedulers/euler_ancestral.h"

#include <algorithm>
#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/sigma_schedule.h"
#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

class EulerAncestral : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto euler = std::make_unique<EulerAncestral>();
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, NoiseScheduleDefaults()));
    const Spacing spacing = read_spacing(config, "linspace", options.sigmas.spacing);
    const int offset = read_steps_offset(config, schedule.train_steps());
    euler->prediction_ = read_prediction(config, false);
    IPA_TRY(config.status());
    IPA_TRY(check_steps(config, options.steps, schedule.train_steps()));

    std::vector<double> timesteps =
        spaced_timesteps(spacing, options.steps, schedule.train_steps(), offset, false);
    for (double& t : timesteps) t = static_cast<float>(t);
    for (double sigma : interpolate(timesteps, schedule.sigmas()))
      euler->sigmas_.push_back(static_cast<float>(sigma));
    euler->sigmas_.push_back(0.0f);
    for (double t : timesteps) euler->timesteps_.push_back(static_cast<float>(t));
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

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const float from = sigmas_[static_cast<size_t>(index)], to = sigmas_[static_cast<size_t>(index) + 1];
    // The step goes down to `down`, then noise of deviation `up` brings it back to `to`.
    const float up = std::sqrt(to * to * (from * from - to * to) / (from * from));
    const float down = std::sqrt(to * to - up * up);
    const float change = down - from;
    clean_.resize(count);
    noise_.resize(count);
    predict_clean_from_sigma(prediction_, from, sample, output, clean_.data(), count);
    noise.fill(noise_.data(), count);
    for (size_t i = 0; i < count; ++i) {
      sample[i] = sample[i] + (sample[i] - clean_[i]) / from * change + noise_[i] * up;
    }
  }

  NoiseMix noise_mix(int index) const override { return {1.0f, sigmas_[static_cast<size_t>(index)]}; }

  const float* denoised() const override { return clean_.data(); }

 private:
  Prediction prediction_ = Prediction::epsilon;
  float init_noise_sigma_ = 1;
  std::vector<float> sigmas_;  // one more than there are calls
  std::vector<float> clean_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_euler_ancestral(ConfigReader& config, const SchedulerOptions& options) {
  return EulerAncestral::make(config, options);
}

}  // namespace ipa
