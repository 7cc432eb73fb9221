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

Result<StepSpan> step_span(const Scheduler& scheduler, const Json& config, const GenerateRequest& request) {
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
  }
  if (request.denoising_end < 1) span.end = count - below(request.denoising_end);
  if (span.first < span.end) return span;
  return Status::option("denoisingStart", "none of the steps lies between it and denoisingEnd: use more steps");
}

}  // namespace ipa
