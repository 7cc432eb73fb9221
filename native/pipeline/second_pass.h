// A second pass over what the first has made, in a larger size.
#pragma once

#include "pipeline/memory_estimate.h"
#include "pipeline/one_pass.h"

namespace ipa {

inline bool has_second_pass(const GenerateRequest& request) { return request.hires_scale > 0; }

// The pictures of the first pass, enlarged by Lanczos, begin a second one: image to image with the same options
// and seeds. Both are planned before the first runs. Errors as of generate_pass().
Result<GenerateResult> generate_twice(const Host& host, const GenerateRequest& request,
                                      const ProgressFunction& progress, const CancelFlag* cancel,
                                      const StepFunction& step);

// What it takes.
Result<MemoryEstimate> estimate_twice(const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa
