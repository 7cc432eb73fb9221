#include "schedulers/dpm_sde.h"

#include <algorithm>
#include <cmath>

#include "schedulers/log_snr.h"
#include "schedulers/prediction.h"
#include "schedulers/sigma_run.h"
#include "schedulers/sigma_schedule.h"

namespace ipa {
namespace {

class DpmSde : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto sde = std::make_unique<DpmSde>();
    SigmaRunRules rules;
    rules.noise = k_diffusion_noise();
    rules.karras_keeps_ends = true;
    IPA_ASSIGN(const SigmaRun run, read_sigma_run(config, options, rules));
    sde->prediction_ = read_prediction(config, false);
    IPA_TRY(config.status());
    for (size_t i = 0; i < run.timesteps.size(); ++i) {
      sde->timesteps_.push_back(static_cast<float>(run.timesteps[i]));
      Step step;
      step.from = run.sigmas[i];
      step.to = run.sigmas[i + 1];
      if (step.to > 0) {  // the last step is one of Euler's
        const float start = -log_f32(step.from), end = -log_f32(step.to);
        // Rounding must not carry it beyond levels that are next to each other.
        const float middle = exp_f32(-(start + (end - start) * 0.5f));
        step.middle = std::min(std::max(middle, step.to), step.from);
        sde->timesteps_.push_back(static_cast<float>(timestep_of_sigma(step.middle, run.training_logs)));
      }
      sde->steps_.push_back(step);
    }
    sde->init_noise_sigma_ = run.init_noise_sigma;
    return std::unique_ptr<Scheduler>(std::move(sde));
  }

  float init_noise_sigma() const override { return init_noise_sigma_; }
  int calls_a_step() const override { return 2; }

  void scale_model_input(int index, const float* sample, float* out, size_t count) const override {
    scale_by_sigma(sigma_of(index), sample, out, count);
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const Step& step = steps_[static_cast<size_t>(index) / 2];
    for (std::vector<float>* buffer : {&clean_, &origin_, &first_noise_, &noise_}) buffer->resize(count);
    predict_clean_from_sigma(prediction_, sigma_of(index), sample, output, clean_.data(), count);
    if (step.to == 0) {
      for (size_t i = 0; i < count; ++i) sample[i] -= (sample[i] - clean_[i]) / step.from * step.from;
      return;
    }
    noise.fill(noise_.data(), count);
    if (index % 2 == 0) {
      std::copy(sample, sample + count, origin_.begin());
      first_noise_ = noise_;
      move(step.from, step.middle, sample, count);
      return;
    }
    // The motion from the start of the step to its end, in two parts;
    // of two equal levels nothing is left of it.
    if (step.from == step.to) {
      std::copy(origin_.begin(), origin_.end(), sample);
      return;
    }
    const float whole = std::sqrt(step.from - step.to);
    const float first = std::sqrt(step.from - step.middle) / whole;
    const float second = std::sqrt(step.middle - step.to) / whole;
    for (size_t i = 0; i < count; ++i) noise_[i] = first * first_noise_[i] + second * noise_[i];
    move(step.from, step.to, sample, count);
  }

  NoiseMix noise_mix(int index) const override {
    return {1.0f, steps_[static_cast<size_t>(index + 1) / 2].from};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  struct Step {
    float from = 0, middle = 0, to = 0;
  };

  float sigma_of(int call) const {
    const Step& step = steps_[static_cast<size_t>(call) / 2];
    return call % 2 == 0 ? step.from : step.middle;
  }

  // From the step's start down past `to`, then up to it with the noise.
  void move(float from, float to, float* sample, size_t count) {
    const float up = std::min(to, std::sqrt(to * to * (from * from - to * to) / (from * from)));
    const float down = std::sqrt(to * to - up * up);
    const float start = -log_f32(from), end = -log_f32(down);
    const float keep = exp_f32(-end) / exp_f32(-start), clean = expm1_f32(start - end);
    for (size_t i = 0; i < count; ++i) sample[i] = keep * origin_[i] - clean * clean_[i] + noise_[i] * up;
  }

  Prediction prediction_ = Prediction::epsilon;
  float init_noise_sigma_ = 1;
  std::vector<Step> steps_;
  std::vector<float> clean_, origin_, first_noise_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_dpm_sde(ConfigReader& config, const SchedulerOptions& options) {
  return DpmSde::make(config, options);
}

}  // namespace ipa
