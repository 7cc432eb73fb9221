#include "schedulers/heun.h"

#include <algorithm>

#include "schedulers/prediction.h"
#include "schedulers/sigma_run.h"

namespace ipa {
namespace {

class Heun : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto heun = std::make_unique<Heun>();
    SigmaRunRules rules;
    rules.noise = k_diffusion_noise();
    IPA_ASSIGN(SigmaRun run, read_sigma_run(config, options, rules));
    heun->prediction_ = read_prediction(config, true);
    heun->limit_ = CleanLimit::read_clip(config);
    IPA_TRY(config.status());
    // Calls 2 i and 2 i + 1 are at the start and the end of step i.
    for (size_t i = 0; i < run.timesteps.size(); ++i) {
      if (i > 0) heun->timesteps_.push_back(static_cast<float>(run.timesteps[i]));
      heun->timesteps_.push_back(static_cast<float>(run.timesteps[i]));
    }
    heun->sigmas_ = std::move(run.sigmas);
    heun->init_noise_sigma_ = run.init_noise_sigma;
    return std::unique_ptr<Scheduler>(std::move(heun));
  }

  float init_noise_sigma() const override { return init_noise_sigma_; }
  int calls_a_step() const override { return 2; }

  void scale_model_input(int index, const float* sample, float* out, size_t count) const override {
    scale_by_sigma(sigmas_[static_cast<size_t>(index + 1) / 2], sample, out, count);
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    const size_t step = static_cast<size_t>(index) / 2;
    const float from = sigmas_[step], to = sigmas_[step + 1];
    const bool at_start = index % 2 == 0;
    const float here = at_start ? from : to;
    for (std::vector<float>* buffer : {&clean_, &slope_, &origin_}) buffer->resize(count);
    predict_clean_from_sigma(prediction_, here, sample, output, clean_.data(), count);
    limit_.apply(clean_.data(), count);
    const float change = to - from;
    if (at_start) {
      std::copy(sample, sample + count, origin_.begin());
      for (size_t i = 0; i < count; ++i) slope_[i] = (sample[i] - clean_[i]) / here;
    } else {
      for (size_t i = 0; i < count; ++i) slope_[i] = (slope_[i] + (sample[i] - clean_[i]) / here) / 2.0f;
    }
    for (size_t i = 0; i < count; ++i) sample[i] = origin_[i] + slope_[i] * change;
  }

  NoiseMix noise_mix(int index) const override { return {1.0f, sigmas_[static_cast<size_t>(index + 1) / 2]}; }

  const float* denoised() const override { return clean_.data(); }

 private:
  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  float init_noise_sigma_ = 1;
  std::vector<float> sigmas_;  // one more than there are steps
  std::vector<float> clean_, slope_, origin_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_heun(ConfigReader& config, const SchedulerOptions& options) {
  return Heun::make(config, options);
}

}  // namespace ipa
