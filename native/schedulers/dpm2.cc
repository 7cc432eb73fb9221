#include "schedulers/dpm2.h"

#include <algorithm>
#include <cmath>

#include "schedulers/log_snr.h"
#include "schedulers/prediction.h"
#include "schedulers/sigma_run.h"
#include "schedulers/sigma_schedule.h"

namespace ipa {
namespace {

class Dpm2 : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options,
                                                 bool ancestral) {
    auto dpm2 = std::make_unique<Dpm2>();
    SigmaRunRules rules;
    rules.noise = k_diffusion_noise();
    rules.karras_rounds = true;
    IPA_ASSIGN(const SigmaRun run, read_sigma_run(config, options, rules));
    dpm2->ancestral_ = ancestral;
    dpm2->prediction_ = read_prediction(config, false);
    IPA_TRY(config.status());
    for (size_t i = 0; i < run.timesteps.size(); ++i) {
      const Step step = make_step(run.sigmas[i], run.sigmas[i + 1], ancestral);
      dpm2->steps_.push_back(step);
      dpm2->timesteps_.push_back(static_cast<float>(run.timesteps[i]));
      if (i + 1 == run.timesteps.size()) break;  // the last step is one of Euler's, to sigma 0
      dpm2->timesteps_.push_back(static_cast<float>(timestep_of_sigma(step.middle, run.training_logs)));
    }
    dpm2->init_noise_sigma_ = run.init_noise_sigma;
    return std::unique_ptr<Scheduler>(std::move(dpm2));
  }

  float init_noise_sigma() const override { return init_noise_sigma_; }
  int calls_a_step() const override { return 2; }

  void scale_model_input(int index, const float* sample, float* out, size_t count) const override {
    scale_by_sigma(sigma_of(index), sample, out, count);
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    const Step& step = steps_[static_cast<size_t>(index) / 2];
    const bool at_start = index % 2 == 0;
    const float here = sigma_of(index);
    clean_.resize(count);
    predict_clean_from_sigma(prediction_, here, sample, output, clean_.data(), count);
    if (at_start) origin_.assign(sample, sample + count);
    const float change = (at_start ? step.middle : step.down) - step.from;
    for (size_t i = 0; i < count; ++i) {
      sample[i] = origin_[i] + (sample[i] - clean_[i]) / here * change;
    }
    if (at_start || !ancestral_) return;
    noise_.resize(count);
    noise.fill(noise_.data(), count);
    for (size_t i = 0; i < count; ++i) sample[i] += noise_[i] * step.up;
  }

  NoiseMix noise_mix(int index) const override {
    return {1.0f, steps_[static_cast<size_t>(index + 1) / 2].from};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  // The step goes down to `down`, then noise of deviation `up` brings it back.
  struct Step {
    float from = 0, middle = 0, down = 0, up = 0;
  };

  static Step make_step(float from, float to, bool ancestral) {
    Step step;
    step.from = from;
    step.down = to;
    if (ancestral) {
      step.up = std::sqrt(to * to * (from * from - to * to) / (from * from));
      step.down = std::sqrt(to * to - step.up * step.up);
      // Of a very long step nothing is left of the difference; without rounding it is this.
      if (!(step.down > 0)) step.down = to * (to / from);
    }
    if (to == 0) return step;
    const float low = log_f32(step.down), high = log_f32(from);
    step.middle = exp_f32(ancestral ? low - (low - high) * 0.5f : high - (high - low) * 0.5f);
    return step;
  }

  float sigma_of(int call) const {
    const Step& step = steps_[static_cast<size_t>(call) / 2];
    return call % 2 == 0 ? step.from : step.middle;
  }

  bool ancestral_ = false;
  Prediction prediction_ = Prediction::epsilon;
  float init_noise_sigma_ = 1;
  std::vector<Step> steps_;
  std::vector<float> clean_, origin_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_dpm2(ConfigReader& config, const SchedulerOptions& options) {
  return Dpm2::make(config, options, false);
}

Result<std::unique_ptr<Scheduler>> make_dpm2_ancestral(ConfigReader& config, const SchedulerOptions& options) {
  return Dpm2::make(config, options, true);
}

}  // namespace ipa
