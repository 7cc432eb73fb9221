// Which of a sampler's model calls a request asks for.
#pragma once

#include "base/json.h"
#include "base/status.h"
#include "pipeline/request.h"
#include "schedulers/scheduler.h"

namespace ipa {

struct StepSpan {
  int first = 0, end = 0;  // of the sampler's calls
  int calls() const { return end - first; }
};

// The shares of the noise schedule are told apart by timestep, as diffusers does for denoising_start and _end.
// `config`: the model's scheduler_config. `strength`: the share of the steps, counted from the end, that change
// a picture. invalid_option when no call is left, or when the sampler has to begin at the beginning.
Result<StepSpan> step_span(const Scheduler& scheduler, const Json& config, const GenerateRequest& request,
                           double strength);

}  // namespace ipa
