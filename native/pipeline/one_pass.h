// One pass of the sampling loop: prompts to pictures.
#pragma once

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/call.h"
#include "pipeline/request.h"
#include "pipeline/step_event.h"

namespace ipa {

// generate() of a request without margins and without a second pass. Errors as of that.
Result<GenerateResult> generate_pass(const Host& host, const GenerateRequest& request,
                                     const ProgressFunction& progress, const CancelFlag* cancel,
                                     const StepFunction& step);

}  // namespace ipa
