#include "schedulers/deis.h"

#include <algorithm>
#include <array>

#include "schedulers/prediction.h"
#include "schedulers/solver_schedule.h"

namespace ipa {
namespace {

class Deis : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto deis = std::make_unique<Deis>();
    SolverScheduleRules rules;
    rules.has_zero_snr = false;
    rules.has_final_sigma = false;
    rules.last_is_sigma_min = true;
    IPA_ASSIGN(SolverSchedule schedule, read_solver_schedule(config, options, rules));
    deis->timesteps_ = std::move(schedule.timesteps);
    deis->levels_ = std::move(schedule.levels);
    // What diffusers maps here when a config of another class is read.
    config.choice<bool>("algorithm_type", "deis", {{"deis", true}, {"dpmsolver", true}, {"dpmsolver++", true}});
    config.choice<bool>("solver_type", "logrho",
                        {{"logrho", true}, {"midpoint", true}, {"heun", true}, {"bh1", true}, {"bh2", true}});
    // The class treats every order above 3 as 3.
    deis->order_ = static_cast<int>(std::min<int64_t>(config.integer("solver_order", 2, 1, 1000), 3));
    deis->prediction_ = read_prediction(config, true);
    deis->limit_ = CleanLimit::read_thresholding(config);
    deis->lower_order_final_ = config.boolean("lower_order_final", true);
    IPA_TRY(config.status());
    return std::unique_ptr<Scheduler>(std::move(deis));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    if (clean_.size() != count) {
      clean_.assign(count, 0.0f);
      for (std::vector<float>& buffer : history_) buffer.assign(count, 0.0f);
      taken_ = 0;
    }
    ++taken_;
    const NoiseLevel& here = levels_[static_cast<size_t>(index)];
    predict_clean(prediction_, here.alpha, here.sigma, sample, output, clean_.data(), count);
    limit_.apply(clean_.data(), count);
    std::rotate(history_.begin(), history_.end() - 1, history_.end());
    predict_noise(Prediction::sample, here.alpha, here.sigma, sample, clean_.data(), history_[0].data(), count);

    const int order = order_of(index);
    const float* m0 = history_[0].data();
    const NoiseLevel& next = levels_[static_cast<size_t>(index) + 1];
    if (order == 1) {
      const float weight = next.sigma * (exp_f32(next.lambda - here.lambda) - 1.0f);
      const float ratio = next.alpha / here.alpha;
      for (size_t i = 0; i < count; ++i) sample[i] = ratio * sample[i] - weight * m0[i];
      return;
    }
    std::array<float, 3> w{};
    const int others[3][2] = {{1, 2}, {2, 0}, {0, 1}};
    for (int k = 0; k < order; ++k) {
      w[static_cast<size_t>(k)] =
          order == 2 ? linear_weight(index, k, 1 - k) : quadratic_weight(index, k, others[k][0], others[k][1]);
    }
    const float* m1 = history_[1].data();
    const float* m2 = history_[2].data();
    for (size_t i = 0; i < count; ++i) {
      float scaled = sample[i] / here.alpha + w[0] * m0[i] + w[1] * m1[i];
      if (order == 3) scaled += w[2] * m2[i];
      sample[i] = next.alpha * scaled;
    }
  }

  NoiseMix noise_mix(int index) const override {
    const NoiseLevel& level = levels_[static_cast<size_t>(index)];
    return {level.alpha, level.sigma};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  bool same(int step) const { return log_rho(step, 0) == log_rho(step, -1); }

  int order_of(int index) const {
    const int calls = static_cast<int>(timesteps_.size());
    const int left = lower_order_final_ && calls < 15 ? calls - index : order_;
    int order = std::min({order_, taken_, left});
    // Two equal noise levels in a row give no difference to divide by.
    if (order > 1 && same(index - 1)) order = 1;
    if (order > 2 && same(index - 2)) order = 2;
    return order;
  }

  // sigma / alpha, `back` steps behind `index`, and its logarithm:
  // float32 as in diffusers, whose rounding shows in the differences below.
  float rho(int index, int back) const {
    const NoiseLevel& level = levels_[static_cast<size_t>(index - back)];
    return level.sigma / level.alpha;
  }
  float log_rho(int index, int back) const { return log_f32(rho(index, back)); }

  // Integral over the step, in rho,
  // of the polynomial in log rho that is 1 at the output `k` steps back and 0 at the other one's.
  float linear_weight(int index, int k, int other) const {
    const float b = log_rho(index, k), c = log_rho(index, other);
    const auto integral = [b, c](float t) { return t * (-c + log_f32(t) - 1.0f) / (b - c); };
    return integral(rho(index, -1)) - integral(rho(index, 0));
  }

  // The same with two others.
  float quadratic_weight(int index, int k, int first, int second) const {
    const float b = log_rho(index, k), c = log_rho(index, first), d = log_rho(index, second);
    const auto integral = [b, c, d](float t) {
      const float log_t = log_f32(t);
      const float product = c * (d - log_t + 1.0f) - d * log_t + d + log_t * log_t - 2.0f * log_t + 2.0f;
      return t * product / ((b - c) * (b - d));
    };
    return integral(rho(index, -1)) - integral(rho(index, 0));
  }

  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  int order_ = 2;
  bool lower_order_final_ = true;
  std::vector<NoiseLevel> levels_;
  std::array<std::vector<float>, 3> history_;  // outputs as noise, newest first
  int taken_ = 0;                              // of them are there
  std::vector<float> clean_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_deis(ConfigReader& config, const SchedulerOptions& options) {
  return Deis::make(config, options);
}

}  // namespace ipa
