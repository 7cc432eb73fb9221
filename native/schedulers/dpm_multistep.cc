#include "schedulers/dpm_multistep.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "schedulers/prediction.h"
#include "schedulers/solver_schedule.h"

namespace ipa {
namespace {

enum class Algorithm { dpm, dpm_pp, sde_dpm, sde_dpm_pp };
enum class Solver { midpoint, heun };

class DpmMultistep : public Scheduler {
 public:
  // `sde_order`: of the stochastic form that is asked for; 0: as the config says.
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options,
                                                 int sde_order) {
    auto dpm = std::make_unique<DpmMultistep>();
    SolverScheduleRules rules;
    rules.has_lu = true;
    rules.has_lambda_clip = true;
    rules.cosine_stays_fractional = true;
    IPA_ASSIGN(SolverSchedule schedule, read_solver_schedule(config, options, rules));
    dpm->timesteps_ = std::move(schedule.timesteps);
    dpm->levels_ = std::move(schedule.levels);
    // "deis" and the solver types of other classes are what diffusers maps here
    // when a config of theirs is read.
    dpm->algorithm_ = config.choice<Algorithm>("algorithm_type", "dpmsolver++",
                                               {{"dpmsolver", Algorithm::dpm},
                                                {"dpmsolver++", Algorithm::dpm_pp},
                                                {"sde-dpmsolver", Algorithm::sde_dpm},
                                                {"sde-dpmsolver++", Algorithm::sde_dpm_pp},
                                                {"deis", Algorithm::dpm_pp}});
    dpm->solver_ = config.choice<Solver>("solver_type", "midpoint",
                                         {{"midpoint", Solver::midpoint},
                                          {"heun", Solver::heun},
                                          {"logrho", Solver::midpoint},
                                          {"bh1", Solver::midpoint},
                                          {"bh2", Solver::midpoint}});
    // The class treats every order above 3 as 3.
    dpm->order_ = static_cast<int>(std::min<int64_t>(config.integer("solver_order", 2, 1, 1000), 3));
    if (sde_order > 0) {
      dpm->algorithm_ = Algorithm::sde_dpm_pp;
      dpm->order_ = sde_order;
    }
    dpm->prediction_ = read_prediction(config, true);
    dpm->limit_ = CleanLimit::read_thresholding(config);
    dpm->lower_order_final_ = config.boolean("lower_order_final", true);
    dpm->euler_at_final_ = config.boolean("euler_at_final", false);
    dpm->final_zero_ = read_final_sigma(config) == FinalSigma::zero;
    if (dpm->prediction_ == Prediction::epsilon && config.has("variance_type")) {
      const std::string type = config.text("variance_type", "");
      if (type == "learned" || type == "learned_range") {
        config.fail(
            Code::unsupported, "variance_type", "\"" + type + "\"",
            "models that predict a variance too cannot be run; set it to null for a latent diffusion model");
      }
    }
    // diffusers refuses "deis" here too, before it maps it.
    if (dpm->final_zero_ && (!dpm->predicts_clean() ||
                             (sde_order == 0 && config.text("algorithm_type", "dpmsolver++") == "deis"))) {
      config.fail(Code::invalid_option, "final_sigmas_type", "\"zero\" with this algorithm_type",
                  "set final_sigmas_type to \"sigma_min\", or algorithm_type to \"dpmsolver++\"");
    }
    if (dpm->algorithm_ == Algorithm::sde_dpm && dpm->order_ == 3) {
      config.fail(Code::invalid_option, "solver_order", "3 with algorithm_type \"sde-dpmsolver\"",
                  "use 1 or 2");
    }
    IPA_TRY(config.status());
    return std::unique_ptr<Scheduler>(std::move(dpm));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise& noise) override {
    if (clean_size_ != count) allocate(count);
    const NoiseLevel& here = levels_[static_cast<size_t>(index)];
    std::rotate(history_.begin(), history_.end() - 1, history_.end());
    convert(here, output, sample, history_[0].data(), count);
    if (is_stochastic()) noise.fill(noise_.data(), count);

    const Weights w = weights(index, order_of(index));
    const float* m0 = history_[0].data();
    const float* m1 = history_[1].data();
    const float* m2 = history_[2].data();
    for (size_t i = 0; i < count; ++i) {
      float next = w.sample * sample[i] + w.d0 * m0[i];
      if (w.order == 2) {
        next += w.d1 * (w.inverse_r0 * (m0[i] - m1[i]));
      } else if (w.order == 3) {
        const float newer = w.inverse_r0 * (m0[i] - m1[i]), older = w.inverse_r1 * (m1[i] - m2[i]);
        next += w.d1 * (newer + w.blend * (newer - older));
        next += w.d2 * (w.inverse_sum * (newer - older));
      }
      if (w.noise != 0) next += w.noise * noise_[i];
      sample[i] = next;
    }
    taken_ = std::min(taken_ + 1, order_);
  }

  NoiseMix noise_mix(int index) const override {
    const NoiseLevel& level = levels_[static_cast<size_t>(index)];
    return {level.alpha, level.sigma};
  }

  const float* denoised() const override { return predicts_clean() ? history_[0].data() : clean_.data(); }

 private:
  // next = sample * x + d0 * D0 + d1 * D1 + d2 * D2 + noise * z,
  // with D1 and D2 the divided differences of the predictions.
  struct Weights {
    int order = 1;
    float sample = 0, d0 = 0, d1 = 0, d2 = 0, noise = 0;
    float inverse_r0 = 0, inverse_r1 = 0, blend = 0, inverse_sum = 0;
  };

  bool predicts_clean() const { return algorithm_ == Algorithm::dpm_pp || algorithm_ == Algorithm::sde_dpm_pp; }
  bool is_stochastic() const { return algorithm_ == Algorithm::sde_dpm || algorithm_ == Algorithm::sde_dpm_pp; }

  void allocate(size_t count) {
    clean_size_ = count;
    taken_ = 0;
    for (std::vector<float>& buffer : history_) buffer.assign(count, 0.0f);
    if (is_stochastic()) noise_.assign(count, 0.0f);
    if (!predicts_clean()) clean_.assign(count, 0.0f);
  }

  // To the quantity the algorithm integrates: clean latents (++) or noise.
  void convert(const NoiseLevel& here, const float* output, const float* sample, float* out, size_t count) {
    if (predicts_clean()) {
      predict_clean(prediction_, here.alpha, here.sigma, sample, output, out, count);
      limit_.apply(out, count);
      return;
    }
    predict_noise(prediction_, here.alpha, here.sigma, sample, output, out, count);
    predict_clean(Prediction::epsilon, here.alpha, here.sigma, sample, out, clean_.data(), count);
    if (!limit_.thresholds()) return;
    limit_.apply(clean_.data(), count);
    predict_noise(Prediction::sample, here.alpha, here.sigma, sample, clean_.data(), out, count);
  }

  int order_of(int index) const {
    const int calls = static_cast<int>(timesteps_.size());
    const bool few = lower_order_final_ && calls < 15;
    const bool last = index == calls - 1 && (euler_at_final_ || few || final_zero_);
    const bool second_last = index == calls - 2 && few;
    int order = order_ == 1 || taken_ < 1 || last ? 1 : order_ == 2 || taken_ < 2 || second_last ? 2 : 3;
    // Two equal noise levels in a row (many steps on a coarse schedule) give no difference to divide by.
    const auto same = [this](int i) {
      return levels_[static_cast<size_t>(i)].lambda == levels_[static_cast<size_t>(i) + 1].lambda;
    };
    if (same(index)) return 1;
    if (order > 1 && same(index - 1)) order = 1;
    if (order > 2 && same(index - 2)) order = 2;
    return order;
  }

  Weights weights(int index, int order) const {
    const NoiseLevel& t = levels_[static_cast<size_t>(index) + 1];
    const NoiseLevel& s = levels_[static_cast<size_t>(index)];
    const float h = t.lambda - s.lambda;
    Weights w;
    w.order = order;
    // Integrals of the exponential against 1, x and x^2: a times the prediction, b its slope, c its curvature.
    float a = 0, b = 0, c = 0;
    switch (algorithm_) {
      case Algorithm::dpm_pp: {
        const float e = exp_f32(-h) - 1.0f;
        w.sample = t.sigma / s.sigma;
        a = -(t.alpha * e);
        b = t.alpha * (e / h + 1.0f);
        c = -(t.alpha * ((e + h) / (h * h) - 0.5f));
        break;
      }
      case Algorithm::dpm: {
        const float e = exp_f32(h) - 1.0f;
        w.sample = t.alpha / s.alpha;
        a = -(t.sigma * e);
        b = -(t.sigma * (e / h - 1.0f));
        c = -(t.sigma * ((e - h) / (h * h) - 0.5f));
        break;
      }
      case Algorithm::sde_dpm_pp: {
        const float e = 1.0f - exp_f32(-2.0f * h);
        w.sample = t.sigma / s.sigma * exp_f32(-h);
        a = t.alpha * e;
        b = t.alpha * (e / (-2.0f * h) + 1.0f);
        c = t.alpha * ((e - 2.0f * h) / ((2.0f * h) * (2.0f * h)) - 0.5f);
        w.noise = t.sigma * std::sqrt(e);
        break;
      }
      case Algorithm::sde_dpm: {
        const float e = exp_f32(h) - 1.0f;
        w.sample = t.alpha / s.alpha;
        a = -2.0f * (t.sigma * e);
        b = -2.0f * (t.sigma * (e / h - 1.0f));
        w.noise = t.sigma * std::sqrt(exp_f32(2.0f * h) - 1.0f);
        break;
      }
    }
    w.d0 = a;
    if (order == 1) return w;
    const NoiseLevel& s1 = levels_[static_cast<size_t>(index) - 1];
    const float r0 = (s.lambda - s1.lambda) / h;
    w.inverse_r0 = 1.0f / r0;
    w.d1 = order == 2 && solver_ == Solver::midpoint ? 0.5f * a : b;
    if (order == 2) return w;
    const NoiseLevel& s2 = levels_[static_cast<size_t>(index) - 2];
    const float r1 = (s1.lambda - s2.lambda) / h;
    w.inverse_r1 = 1.0f / r1;
    w.blend = r0 / (r0 + r1);
    w.inverse_sum = 1.0f / (r0 + r1);
    w.d2 = c;
    return w;
  }

  Algorithm algorithm_ = Algorithm::dpm_pp;
  Solver solver_ = Solver::midpoint;
  Prediction prediction_ = Prediction::epsilon;
  CleanLimit limit_;
  int order_ = 2;
  bool lower_order_final_ = true, euler_at_final_ = false, final_zero_ = true;
  std::vector<NoiseLevel> levels_;
  std::array<std::vector<float>, 3> history_;  // converted outputs, newest first
  int taken_ = 0;                              // steps behind us, up to order_
  size_t clean_size_ = 0;
  std::vector<float> clean_, noise_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_dpm_multistep(ConfigReader& config, const SchedulerOptions& options) {
  return DpmMultistep::make(config, options, 0);
}

Result<std::unique_ptr<Scheduler>> make_dpm_2m_sde(ConfigReader& config, const SchedulerOptions& options) {
  return DpmMultistep::make(config, options, 2);
}

Result<std::unique_ptr<Scheduler>> make_dpm_3m_sde(ConfigReader& config, const SchedulerOptions& options) {
  return DpmMultistep::make(config, options, 3);
}

}  // namespace ipa
