#include "schedulers/pndm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "schedulers/noise_schedule.h"
#include "schedulers/prediction.h"
#include "schedulers/spacing.h"
#include "schedulers/step_range.h"

namespace ipa {
namespace {

constexpr int kRungeKuttaCalls = 12;  // three steps of four calls

class Pndm : public Scheduler {
 public:
  static Result<std::unique_ptr<Scheduler>> make(ConfigReader& config, const SchedulerOptions& options) {
    auto pndm = std::make_unique<Pndm>();
    NoiseScheduleDefaults defaults;
    defaults.zero_snr = false;
    IPA_ASSIGN(const NoiseSchedule schedule, NoiseSchedule::read(config, defaults));
    const int train_steps = schedule.train_steps(), steps = options.steps;
    const Spacing spacing = read_spacing(config, "leading", options.sigmas.spacing);
    const int offset = read_steps_offset(config, train_steps);
    const bool alpha_to_one = config.boolean("set_alpha_to_one", false);
    const bool runge_kutta = !config.boolean("skip_prk_steps", false);
    pndm->prediction_ = read_prediction(config, false);
    IPA_TRY(config.status());
    IPA_TRY(check_steps(config, steps, train_steps));
    if (runge_kutta && steps < 4) {
      return Status::option("steps",
                            "expected 4 or more (PNDM without skip_prk_steps begins with three "
                            "Runge-Kutta steps) but received " +
                                std::to_string(steps));
      return config.status();
    }

    const std::vector<double> visited = spaced_timesteps(spacing, steps, train_steps, offset, true);
    std::vector<double> calls =
        runge_kutta ? runge_kutta_calls(visited, train_steps / steps / 2) : multistep_calls(visited);
    IPA_TRY(check_timesteps(config, calls, train_steps));
    pndm->runge_kutta_ = runge_kutta;

    pndm->where_ = config.where();
    pndm->alphas_ = schedule.alphas_cumprod();
    pndm->final_alpha_ = alpha_to_one ? 1.0f : pndm->alphas_[0];
    pndm->stride_ = train_steps / steps;
    pndm->timesteps_.assign(calls.begin(), calls.end());
    IPA_TRY(pndm->begin_at(0));
    return std::unique_ptr<Scheduler>(std::move(pndm));
  }

  void step(int index, const float* output, float* sample, size_t count, Noise&) override {
    if (clean_.size() != count) allocate(count);
    const Transfer& transfer = transfers_[static_cast<size_t>(index)];
    predict_clean(prediction_, transfer.alpha_here, transfer.sigma_here, sample, output, clean_.data(), count);
    const int taken = index - first_;
    if (runge_kutta_ && taken < kRungeKuttaCalls) {
      combine_runge_kutta(taken, output, sample, count);
    } else {
      combine_multistep(taken, output, sample, count);
    }
    move(transfer, sample, count);
  }

  // A run's first calls are taken as those of the first steps, wherever it begins, as diffusers counts them.
  Status begin_at(int first) override {
    first_ = first;
    transfers_.resize(timesteps_.size());
    for (size_t i = static_cast<size_t>(first); i < timesteps_.size(); ++i) {
      const size_t taken = i - static_cast<size_t>(first);
      int from = static_cast<int>(timesteps_[i]), to = from - stride_;
      if (runge_kutta_ && taken < kRungeKuttaCalls) {
        to = from - (taken % 2 ? 0 : stride_ / 2);
        from = static_cast<int>(timesteps_[taken / 4 * 4]);
      } else if (taken == 1) {  // only without Runge-Kutta: the first step done again, with a better slope
        to = from;
        from += stride_;
      }
      const auto train_steps = static_cast<int>(alphas_.size());
      if (from < 0 || from >= train_steps)
        return Status::option("steps", "with the steps_offset of " + where_ + " they reach timestep " +
                                           std::to_string(from) + ", outside 0.." +
                                           std::to_string(train_steps - 1) + ": use fewer steps");
      const float alpha_here = alphas_[static_cast<size_t>(timesteps_[i])];
      const float next = to >= 0 ? alphas_[static_cast<size_t>(to)] : final_alpha_;
      transfers_[i] = transfer(alpha_here, alphas_[static_cast<size_t>(from)], next);
    }
    return {};
  }

  // Its first steps are others than the rest.
  bool can_begin_late() const override { return false; }

  NoiseMix noise_mix(int index) const override {
    const Transfer& transfer = transfers_[static_cast<size_t>(index)];
    return {transfer.alpha_here, transfer.sigma_here};
  }

  const float* denoised() const override { return clean_.data(); }

 private:
  // Formula 9 of the paper from timestep `from` to `to`.
  struct Transfer {
    float alpha_here = 0, sigma_here = 0;  // at the timestep the model saw, for denoised()
    float alpha = 0, sigma = 0;            // at `from`: square roots of the signal and noise power
    float sample_weight = 0;
    float difference = 0, denominator = 0;  // of the noise's weight
  };

  static Transfer transfer(float alpha_here, float alpha, float next) {
    Transfer t;
    t.alpha_here = std::sqrt(alpha_here);
    t.sigma_here = std::sqrt(1.0f - alpha_here);
    t.alpha = std::sqrt(alpha);
    t.sigma = std::sqrt(1.0f - alpha);
    t.sample_weight = std::sqrt(next / alpha);
    t.difference = next - alpha;
    t.denominator = alpha * std::sqrt(1.0f - next) + std::sqrt(alpha * (1.0f - alpha) * next);
    return t;
  }

  // The second call repeats the second timestep.
  static std::vector<double> multistep_calls(const std::vector<double>& visited) {
    std::vector<double> calls = visited;
    if (visited.size() > 1) calls.insert(calls.begin() + 1, visited[1]);
    return calls;
  }

  // The first three steps take four calls each: at the start, twice half-way, at the end.
  static std::vector<double> runge_kutta_calls(const std::vector<double>& visited, int half_stride) {
    std::vector<double> calls;
    for (size_t i = 0; i < 3; ++i) {
      const double end = visited[i + 1], middle = end + half_stride;
      for (double t : {visited[i], middle, middle, end}) calls.push_back(t);
    }
    calls.insert(calls.end(), visited.begin() + 3, visited.end());
    return calls;
  }

  void allocate(size_t count) {
    for (std::vector<float>* buffer : {&clean_, &slope_, &sum_, &origin_}) buffer->assign(count, 0.0f);
    for (std::vector<float>& buffer : history_) buffer.assign(count, 0.0f);
    remembered_ = 0;
  }

  void remember(const float* output, size_t count) {
    std::rotate(history_.begin(), history_.end() - 1, history_.end());
    std::copy(output, output + count, history_[0].begin());
    remembered_ = std::min(remembered_ + 1, 4);
  }

  void combine_runge_kutta(int taken, const float* output, float* sample, size_t count) {
    constexpr float kSixth = static_cast<float>(1.0 / 6.0), kThird = static_cast<float>(1.0 / 3.0);
    const int stage = taken % 4;
    if (stage == 0) {
      remember(output, count);
      std::copy(sample, sample + count, origin_.begin());
      for (size_t i = 0; i < count; ++i) sum_[i] = kSixth * output[i];
      std::copy(output, output + count, slope_.begin());
    } else if (stage < 3) {
      for (size_t i = 0; i < count; ++i) sum_[i] += kThird * output[i];
      std::copy(output, output + count, slope_.begin());
    } else {
      for (size_t i = 0; i < count; ++i) slope_[i] = sum_[i] + kSixth * output[i];
    }
    std::copy(origin_.begin(), origin_.end(), sample);
  }

  void combine_multistep(int taken, const float* output, float* sample, size_t count) {
    const auto& e = history_;
    if (taken == 1) {
      for (size_t i = 0; i < count; ++i) slope_[i] = (output[i] + e[0][i]) / 2.0f;
      std::copy(origin_.begin(), origin_.end(), sample);
      return;
    }
    remember(output, count);
    switch (remembered_) {
      case 1:
        std::copy(output, output + count, slope_.begin());
        std::copy(sample, sample + count, origin_.begin());
        break;
      case 2:
        for (size_t i = 0; i < count; ++i) slope_[i] = (3.0f * e[0][i] - e[1][i]) / 2.0f;
        break;
      case 3:
        for (size_t i = 0; i < count; ++i)
          slope_[i] = (23.0f * e[0][i] - 16.0f * e[1][i] + 5.0f * e[2][i]) / 12.0f;
        break;
      default:
        for (size_t i = 0; i < count; ++i) {
          slope_[i] = static_cast<float>(1.0 / 24.0) *
                      (55.0f * e[0][i] - 59.0f * e[1][i] + 37.0f * e[2][i] - 9.0f * e[3][i]);
        }
    }
  }

  void move(const Transfer& t, float* sample, size_t count) {
    // The combined output is turned into noise only now, at the step's start, as diffusers does.
    predict_noise(prediction_, t.alpha, t.sigma, sample, slope_.data(), slope_.data(), count);
    for (size_t i = 0; i < count; ++i) {
      sample[i] = t.sample_weight * sample[i] - t.difference * slope_[i] / t.denominator;
    }
  }

  Prediction prediction_ = Prediction::epsilon;
  bool runge_kutta_ = false;
  std::string where_;  // the configuration, for messages
  std::vector<float> alphas_;
  float final_alpha_ = 1;
  int stride_ = 1;
  int first_ = 0;  // the run's first call
  std::vector<Transfer> transfers_;
  std::array<std::vector<float>, 4> history_;  // newest first
  int remembered_ = 0;
  std::vector<float> clean_, slope_, sum_, origin_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_pndm(ConfigReader& config, const SchedulerOptions& options) {
  return Pndm::make(config, options);
}

}  // namespace ipa
