// A call from beginning to end: prompts to pictures.
#pragma once

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/call.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/one_pass.h"
#include "pipeline/request.h"

namespace ipa {

// Makes request.seeds.size() pictures. `progress` is called on the calling thread after every model call,
// and `step` before it.
// Errors: invalid_option, mismatch (embeds or tokens that do not fit the models), not_found (no image encoder),
// no_memory, cancelled, range (latents or pixels that are NaN or infinite).
Result<GenerateResult> generate(const Host& host, const GenerateRequest& request,
                                const ProgressFunction& progress, const CancelFlag* cancel,
                                const StepFunction& step = {});

// What generate() would take for the request.
Result<MemoryEstimate> estimate_memory(const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa
