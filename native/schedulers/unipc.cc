#include "schedulers/unipc.h"

#include <algorithm>
#include <cmath>

#include "schedulers/prediction.h"
#include "schedulers/solver_schedule.h"
#include "schedulers/unipc_weights.h"

namespace ipa {
namespace {

class UniPc : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto unipc = std::make_unique<UniPc>();
    SolverScheduleRules rules;
    rules.last_is_sigma_min = true;
    IPA_ASSIGN(SolverSchedule schedule, read_solver_schedule(config, options, rules));
    unipc->timesteps_ = std::move(schedule.timesteps);
    unipc->levels_ = std::move(schedule.levels);
    unipc->order_ = config.integer("solver_order", 2, 1, 1000);
    if (unipc->order_ > kUniPcMaxOrder) {
      config.fail(Code::unsupported, "solver_order", std::to_string(unipc->order_),
                  "use 1 to " + std::to_string(kUniPcMaxOrder));
    }
    // The solver types of DPM-Solver and DEIS are what diffusers maps here when a config of theirs is read.
    unipc->bh2_ = config.choice<bool>(
        "solver_type", "bh2",
        {{"bh1", false}, {"bh2", true}, {"midpoint", true}, {"heun", true}, {"logrho", true}});
    unipc->prediction_ = read_prediction(config, true);
    unipc->limit_ = CleanLimit::read_thresholding(config);
    unipc->predict_clean_ = config.boolean("predict_x0", true);
    unipc->lower_order_final_ = config.boolean("lower_order_final", true);
    const bool final_zero = read_final_sigma(config) == FinalSigma::zero;
    if (const auto disabled = config.optional_numbers("disable_corrector")) unipc->uncorrected_ = *disabled;
    if (config.has("solver_p")) {
      config.fail(Code::unsupported, "solver_p", "set",
                  "another scheduler as the predictor cannot be used; remove it");
    }
    if (config.has("shift_terminal")) {
      config.fail(Code::invalid_option, "shift_terminal", "set", "it needs use_flow_sigmas; remove it");
    }
    // Both end at infinite log SNR, where these formulas have no finite value (diffusers returns NaN).
    if (final_zero && !unipc->predict_clean_) {
      config.fail(Code::unsupported, "predict_x0", "false with final_sigmas_type \"zero\"",
                  "set final_sigmas_type to \"sigma_min\"");
    }
    if (final_zero && !unipc->lower_order_final_ && unipc->order_ > 1 && unipc->timesteps_.size() > 1) {
      config.fail(Code::unsupported, "lower_order_final", "false with final_sigmas_type \"zero\"",
                  "set final_sigmas_type to \"sigma_min\", or lower_order_final to true");
    }
    IPA_TRY(config.status());
    return std::unique_ptr<Scheduler>(std::move(unipc));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    if (last_sample_.size() != count) allocate(count);
    const NoiseLevel& here = levels_[static_cast<size_t>(index)];
    convert(here, output, sample, count);
    if (taken_ > 0 && corrects(index - 1)) correct(index, sample, count);

    std::rotate(history_.begin(), history_.end() - 1, history_.end());
    history_[0].swap(converted_);
    int order = order_;
    if (lower_order_final_) order = std::min(order, static_cast<int>(timesteps_.size()) - index);
    order = std::min(order, taken_ + 1);
    while (order > 1 && !distinct(index, order)) --order;
    last_order_ = order;
    std::copy(sample, sample + count, last_sample_.begin());
    predict(index, sample, count);
    taken_ = std::min(taken_ + 1, order_);
  }

  NoiseMix noise_mix(int index) const override {
    const NoiseLevel& level = levels_[static_cast<size_t>(index)];
    return {level.alpha, level.sigma};
  }

  const float* denoised() const override { return predict_clean_ ? newest() : clean_.data(); }

 private:
  const float* newest() const { return history_.empty() ? nullptr : history_[0].data(); }

  void allocate(size_t count) {
    taken_ = 0;
    history_.assign(static_cast<size_t>(order_), std::vector<float>(count));
    converted_.assign(count, 0.0f);
    last_sample_.assign(count, 0.0f);
    if (!predict_clean_) clean_.assign(count, 0.0f);
  }

  bool corrects(int step) const {
    if (levels_[static_cast<size_t>(step)].lambda == levels_[static_cast<size_t>(step) + 1].lambda)
      return false;
    return std::find(uncorrected_.begin(), uncorrected_.end(), static_cast<double>(step)) == uncorrected_.end();
  }

  // Whether the `order` levels behind a step and the one ahead all differ;
  // equal ones leave nothing to divide by.
  bool distinct(int step, int order) const {
    const float start = levels_[static_cast<size_t>(step)].lambda;
    if (levels_[static_cast<size_t>(step) + 1].lambda == start) return false;
    for (int i = 1; i < order; ++i) {
      if (levels_[static_cast<size_t>(step - i)].lambda == levels_[static_cast<size_t>(step - i) + 1].lambda)
        return false;
    }
    return true;
  }

  // To the quantity that is integrated: clean latents, or noise without predict_x0 (then never thresholded).
  void convert(const NoiseLevel& here, const float* output, const float* sample, size_t count) {
    if (predict_clean_) {
      predict_clean(prediction_, here.alpha, here.sigma, sample, output, converted_.data(), count);
      if (limit_.thresholds()) limit_.apply(converted_.data(), count);
      return;
    }
    predict_noise(prediction_, here.alpha, here.sigma, sample, output, converted_.data(), count);
    predict_clean(Prediction::epsilon, here.alpha, here.sigma, sample, converted_.data(), clean_.data(), count);
  }

  // The sum of the divided differences (m_k - m_0) / r_k behind the newest output, each with its weight.
  float differences(const UniPcWeights& w, int terms, size_t i) const {
    float sum = 0;
    const float m0 = history_[0][i];
    for (int k = 0; k < terms; ++k) {
      const size_t slot = static_cast<size_t>(k);
      sum += w.rho[slot] * ((history_[slot + 1][i] - m0) / w.r[slot]);
    }
    return sum;
  }

  // Does the transition into `index` again, from the state before it, now that the output at its end is known.
  void correct(int index, float* sample, size_t count) {
    const UniPcWeights w = unipc_weights(levels_, index - 1, last_order_, true, predict_clean_, bh2_);
    const float* m0 = newest();
    const float newest_weight = w.rho[static_cast<size_t>(last_order_ - 1)];
    for (size_t i = 0; i < count; ++i) {
      const float slope = differences(w, last_order_ - 1, i) + newest_weight * (converted_[i] - m0[i]);
      sample[i] = w.sample * last_sample_[i] - w.output * m0[i] - w.slope * slope;
    }
  }

  void predict(int index, float* sample, size_t count) {
    const UniPcWeights w = unipc_weights(levels_, index, last_order_, false, predict_clean_, bh2_);
    const float* m0 = newest();
    for (size_t i = 0; i < count; ++i) {
      float next = w.sample * sample[i] - w.output * m0[i];
      if (last_order_ > 1) next -= w.slope * differences(w, last_order_ - 1, i);
      sample[i] = next;
    }
  }

  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  int order_ = 2;
  bool bh2_ = true, predict_clean_ = true, lower_order_final_ = true;
  std::vector<double> uncorrected_;  // indices of transitions that are not corrected
  std::vector<NoiseLevel> levels_;
  std::vector<std::vector<float>> history_;  // converted outputs, newest first
  int taken_ = 0;                            // steps behind us, up to order_
  int last_order_ = 1;
  std::vector<float> converted_, last_sample_, clean_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_unipc(ConfigReader& config, const SchedulerOptions& options) {
  return UniPc::make(config, options);
}

}  // namespace ipa
