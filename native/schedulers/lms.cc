#include "schedulers/lms.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "schedulers/prediction.h"
#include "schedulers/sigma_run.h"

namespace ipa {
namespace {

constexpr int kOrder = 4;

class Lms : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto lms = std::make_unique<Lms>();
    SigmaRunRules rules;
    rules.noise.zero_snr = false;
    rules.karras_keeps_ends = true;
    IPA_ASSIGN(SigmaRun run, read_sigma_run(config, options, rules));
    lms->prediction_ = read_prediction(config, true);
    IPA_TRY(config.status());
    lms->timesteps_.assign(run.timesteps.begin(), run.timesteps.end());
    lms->sigmas_ = std::move(run.sigmas);
    lms->init_noise_sigma_ = run.init_noise_sigma;
    return std::unique_ptr<Scheduler>(std::move(lms));
  }

  float init_noise_sigma() const override { return init_noise_sigma_; }

  void scale_model_input(int index, const float* sample, float* out, size_t count) const override {
    scale_by_sigma(sigmas_[static_cast<size_t>(index)], sample, out, count);
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    if (clean_.size() != count) {
      clean_.assign(count, 0.0f);
      for (std::vector<float>& slope : slopes_) slope.assign(count, 0.0f);
      taken_ = 0;
    }
    ++taken_;
    const float sigma = sigmas_[static_cast<size_t>(index)];
    predict_clean_from_sigma(prediction_, sigma, sample, output, clean_.data(), count);
    std::rotate(slopes_.begin(), slopes_.end() - 1, slopes_.end());
    for (size_t i = 0; i < count; ++i) slopes_[0][i] = (sample[i] - clean_[i]) / sigma;

    const int order = order_of(index);
    std::array<float, kOrder> weights{};
    for (int k = 0; k < order; ++k) weights[static_cast<size_t>(k)] = weight(index, order, k);
    for (size_t i = 0; i < count; ++i) {
      float change = 0;
      for (size_t k = 0; k < static_cast<size_t>(order); ++k) change += weights[k] * slopes_[k][i];
      sample[i] += change;
    }
  }

  NoiseMix noise_mix(int index) const override { return {1.0f, sigmas_[static_cast<size_t>(index)]}; }

  Status begin_at(int) override {
    counts_all_ = true;
    return {};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  double sigma(int step) const { return sigmas_[static_cast<size_t>(step)]; }

  // As many slopes as there are, up to where two of their sigmas are equal and nothing lies between them.
  int order_of(int index) const {
    int order = 1;
    const int slopes = counts_all_ ? index + 1 : taken_;
    while (order < kOrder && order < slopes && sigma(index - order) != sigma(index - order + 1)) ++order;
    return order;
  }

  // Lagrange's polynomial that is 1 at the sigma `k` steps back and 0 at the others'.
  double basis(int index, int order, int k, double at) const {
    double product = 1;
    for (int j = 0; j < order; ++j) {
      if (j != k) product *= (at - sigma(index - j)) / (sigma(index - k) - sigma(index - j));
    }
    return product;
  }

  // Its integral over the step; Gauss's formula with two points has no error up to degree 3.
  float weight(int index, int order, int k) const {
    const double half = (sigma(index + 1) - sigma(index)) / 2, middle = sigma(index) + half;
    const double offset = half / std::sqrt(3.0);
    return static_cast<float>(
        half * (basis(index, order, k, middle - offset) + basis(index, order, k, middle + offset)));
  }

  Prediction prediction_ = Prediction::epsilon;
  float init_noise_sigma_ = 1;
  std::vector<float> sigmas_;                      // one more than there are steps
  std::array<std::vector<float>, kOrder> slopes_;  // newest first
  std::vector<float> clean_;
  int taken_ = 0;
  bool counts_all_ = false;  // slopes from before the run's first call count as zeros
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_lms(ConfigReader& config, const SchedulerOptions& options) {
  return Lms::make(config, options);
}

}  // namespace ipa
