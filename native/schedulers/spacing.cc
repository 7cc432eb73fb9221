#include "schedulers/spacing.h"

#include <algorithm>
#include <cmath>

namespace ipa {
namespace {

// arange(last, 0, -train_steps / steps), rounded, minus one.
// For some step counts the floating-point range has one element too many,
// a zero that would become timestep -1 (an extra, senseless model call in diffusers): it is left out.
std::vector<double> trailing(int steps, int train_steps, int last) {
  const double delta = -(static_cast<double>(train_steps) / steps);
  // NumPy fills a range with the difference of its first two elements.
  const double stride = (last + delta) - last;
  std::vector<double> timesteps;
  const double length = std::ceil((0.0 - last) / delta);
  for (int i = 0; i < static_cast<int>(length); ++i) {
    const double t = round_half_even(last + i * stride) - 1;
    if (t >= 0) timesteps.push_back(t);
  }
  return timesteps;
}

}  // namespace

Spacing read_spacing(ConfigReader& config, const char* fallback, SigmaSpacing asked) {
  const Spacing spacing = config.choice<Spacing>(
      "timestep_spacing", fallback,
      {{"linspace", Spacing::linspace}, {"leading", Spacing::leading}, {"trailing", Spacing::trailing}});
  return asked == SigmaSpacing::sgm_uniform ? Spacing::trailing : spacing;
}

std::vector<double> linspace(double start, double stop, int count) {
  std::vector<double> values(static_cast<size_t>(count), start);
  if (count < 2) return values;
  const double step = (stop - start) / (count - 1);
  for (int i = 0; i < count; ++i) values[static_cast<size_t>(i)] = i * step + start;
  values.back() = stop;
  return values;
}

std::vector<float> linspace_f32(float start, float stop, int count) {
  std::vector<float> values(static_cast<size_t>(count), start);
  if (count < 2) return values;
  const double step = (stop - start) / static_cast<float>(count - 1);
  for (int i = 0; i < count; ++i) {
    values[static_cast<size_t>(i)] =
        static_cast<float>(i < count / 2 ? start + step * i : stop - step * (count - 1 - i));
  }
  return values;
}

double round_half_even(double value) {
  const double floor = std::floor(value), rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return std::fmod(floor, 2.0) == 0 ? floor : floor + 1;
}

std::vector<double> spaced_timesteps(Spacing spacing, int steps, int train_steps, int offset, bool rounded) {
  std::vector<double> timesteps;
  switch (spacing) {
    case Spacing::linspace:
      timesteps = linspace(0, train_steps - 1, steps);
      if (rounded) std::transform(timesteps.begin(), timesteps.end(), timesteps.begin(), round_half_even);
      std::reverse(timesteps.begin(), timesteps.end());
      break;
    case Spacing::leading: {
      const int ratio = train_steps / steps;
      for (int i = steps - 1; i >= 0; --i) timesteps.push_back(static_cast<double>(i) * ratio + offset);
      break;
    }
    case Spacing::trailing: timesteps = trailing(steps, train_steps, train_steps); break;
  }
  return timesteps;
}

std::vector<float> distilled_timesteps(int steps, int original, int kept, int train_steps) {
  const int stride = train_steps / original;
  const double spread = static_cast<double>(kept) / steps;
  std::vector<float> timesteps;
  for (int i = 0; i < steps; ++i) {
    const int place = static_cast<int>(std::floor(i * spread));
    timesteps.push_back(static_cast<float>((kept - place) * stride - 1));
  }
  return timesteps;
}

std::vector<double> solver_timesteps(Spacing spacing, int steps, int train_steps, int last_timestep,
                                     int offset) {
  std::vector<double> timesteps;
  switch (spacing) {
    case Spacing::linspace: {
      const std::vector<double> all = linspace(0, last_timestep - 1, steps + 1);
      for (int i = steps; i > 0; --i) timesteps.push_back(round_half_even(all[static_cast<size_t>(i)]));
      break;
    }
    case Spacing::leading: {
      const int ratio = last_timestep / (steps + 1);
      for (int i = steps; i > 0; --i) timesteps.push_back(static_cast<double>(i) * ratio + offset);
      break;
    }
    case Spacing::trailing: timesteps = trailing(steps, train_steps, last_timestep); break;
  }
  return timesteps;
}

}  // namespace ipa
