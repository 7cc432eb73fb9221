#include "schedulers/align_your_steps.h"

#include <algorithm>
#include <cmath>

#include "schedulers/spacing.h"

namespace ipa {
namespace {

// Ten steps, and the level where the last of them would end if it did not go down to zero.
constexpr double kStableDiffusion[] = {14.615, 6.475, 3.861, 2.697, 1.886, 1.396,
                                       0.963,  0.652, 0.399, 0.152, 0.029};
constexpr double kStableDiffusionXl[] = {14.615, 6.315, 3.771, 2.181, 1.342, 0.862,
                                         0.555,  0.380, 0.234, 0.113, 0.029};

}  // namespace

std::vector<float> align_your_steps(bool xl, int steps) {
  std::vector<double> logs;
  for (double level : xl ? kStableDiffusionXl : kStableDiffusion) logs.push_back(std::log(level));
  const double last = static_cast<double>(logs.size() - 1);
  std::vector<double> places = linspace(0, last, steps + 1);
  places.pop_back();
  std::vector<float> levels;
  for (double place : places) {
    const size_t i = std::min(static_cast<size_t>(place), logs.size() - 2);
    const double log = logs[i] + (place - static_cast<double>(i)) * (logs[i + 1] - logs[i]);
    levels.push_back(static_cast<float>(std::exp(log)));
  }
  return levels;
}

}  // namespace ipa
