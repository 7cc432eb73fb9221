// One pass of the sampling loop: prompts to pictures.
#pragma once

#include <functional>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/caches.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

// A picture's step that is done.
struct StepEvent {
  int image = 0;            // index into seeds
  int step = 0, steps = 0;  // of this picture's model calls, from 1
  float timestep = 0;       // at which the model was called
};
// May read and replace the latents, channel-major; an error ends the call.
using StepFunction = std::function<Status(const StepEvent& event, std::vector<float>& latents)>;

// generate() of a request without margins and without a second pass. Errors as of that.
Result<GenerateResult> generate_pass(const ModelSet& models, Caches& caches, const GenerateRequest& request,
                                     const ProgressFunction& progress, const CancelFlag* cancel,
                                     const StepFunction& step);

}  // namespace ipa
