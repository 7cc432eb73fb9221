// The sampling loop: prompts to pictures.
#pragma once

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/caches.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

// Makes request.seeds.size() pictures. `progress` is called on the calling thread after every model call.
// Errors: invalid_option, mismatch (embeds or tokens that do not fit the models), not_found (no image encoder),
// no_memory, cancelled, range (latents or pixels that are NaN or infinite).
Result<GenerateResult> generate(const ModelSet& models, Caches& caches, const GenerateRequest& request,
                                const ProgressFunction& progress, const CancelFlag* cancel);

}  // namespace ipa
