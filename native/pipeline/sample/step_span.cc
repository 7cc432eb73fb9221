#include "pipeline/sample/step_span.h"

#include <algorithm>
#include <cmath>

namespace ipa {
namespace {

// The timestep at a share of the schedule; halves go to the even number, as Python rounds.
double cutoff(const Json& config, double share) {
  const Json* steps = config.find("num_train_timesteps");
  const double all = steps && steps->is_number() ? steps->number() : 1000;
  return std::nearbyint(all - share * all);
}

}  // namespace

Result<StepSpan> step_span(const Scheduler& scheduler, const Json& config, const GenerateRequest& request,
                           double strength) {
  const std::vector<float>& timesteps = scheduler.timesteps();
  const auto count = static_cast<int>(timesteps.size());
  StepSpan span{0, count};
  const auto below = [&](double share) {
    const double limit = cutoff(config, share);
    return static_cast<int>(std::count_if(timesteps.begin(), timesteps.end(),
                                          [&](float t) { return static_cast<double>(t) < limit; }));
  };
  if (request.denoising_start > 0) {
    if (!scheduler.can_begin_late())
      return Status::option("denoisingStart",
                            "this sampler has to begin at the beginning: use another scheduler");
    int left = below(request.denoising_start);
    // A step of two calls is not begun at its second.
    if (scheduler.calls_a_step() == 2 && left % 2 == 0) ++left;
    span.first = std::max(0, count - left);
  } else if (strength < 1) {
    const int kept = static_cast<int>(request.steps * strength);
    span.first = (request.steps - kept) * scheduler.calls_a_step();
    if (kept < 1 || span.first >= count)
      return Status::option("strength", "it leaves none of the " + std::to_string(request.steps) +
                                            " steps: use more strength or more steps");
  }
  if (request.denoising_end < 1) span.end = count - below(request.denoising_end);
  if (span.first < span.end) return span;
  if (strength < 1 && request.denoising_start == 0)
    return Status::option("denoisingEnd", "none of the steps lies before it: use more steps, or more strength");
  return Status::option("denoisingStart", "none of the steps lies between it and denoisingEnd: use more steps");
}

}  // namespace ipa
