#include "pipeline/generate.h"

#include <utility>

#include "pipeline/condition/outpaint.h"
#include "pipeline/prepared_call.h"
#include "pipeline/request_fields.h"
#include "pipeline/second_pass.h"

namespace ipa {

Result<GenerateResult> generate(const Host& host, const GenerateRequest& request,
                                const ProgressFunction& progress, const CancelFlag* cancel,
                                const StepFunction& step) {
  // Before margins and passes are made of what it says.
  IPA_TRY(check_fields(request, request_fields()));
  if (has_margins(request)) {
    IPA_ASSIGN(const GenerateRequest extended, with_margins(request));
    Result<GenerateResult> made = generate(host, extended, progress, cancel, step);
    return made.ok() ? std::move(made) : of_margins(made.status());
  }
  const auto run = has_second_pass(request) ? generate_twice : generate_pass;
  return run(host, request, progress, cancel, step);
}

Result<MemoryEstimate> estimate_memory(const ModelSet& models, const GenerateRequest& request) {
  IPA_TRY(check_fields(request, request_fields()));
  if (has_margins(request)) {
    IPA_ASSIGN(const GenerateRequest extended, with_margins(request));
    Result<MemoryEstimate> found = estimate_memory(models, extended);
    return found.ok() ? std::move(found) : of_margins(found.status());
  }
  if (has_second_pass(request)) return estimate_twice(models, request);
  IPA_ASSIGN(const std::unique_ptr<PreparedCall> call, PreparedCall::make(models, request));
  return MemoryEstimate(call->memory());
}

}  // namespace ipa
