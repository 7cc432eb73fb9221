#include "pipeline/one_pass.h"

#include <algorithm>

#include "pipeline/condition/mask_crop.h"
#include "pipeline/prepared_call.h"
#include "pipeline/sampler.h"

namespace ipa {

Result<GenerateResult> generate_pass(const Host& host, const GenerateRequest& request,
                                     const ProgressFunction& progress, const CancelFlag* cancel,
                                     const StepFunction& step) {
  // A budget is for this call's own memory, not for what an earlier one left.
  const bool thrifty = request.memory_budget > 0;
  Workspace workspace(thrifty ? nullptr : &host.caches.arenas, host.turn);
  IPA_ASSIGN(const std::unique_ptr<PreparedCall> prepared, PreparedCall::make(host.models, request));
  IPA_TRY(check_budget(prepared->memory(), host.models, request));
  if (thrifty) host.caches.arenas.drop();
  IPA_TRY(workspace.reserve(prepared->memory().working, cancel));
  const Call call{host.models, host.caches, workspace, cancel};
  IPA_TRY(prepared->begin(call));
  Sampler sampler(call, *prepared, progress, step);
  GenerateResult result;
  const Size size = output_size(request);
  result.width = size.width;
  result.height = size.height;
  // Who gets every step's latents gets those of one picture after those of the other.
  const size_t at_once = step ? 1 : prepared->denoiser().pictures();
  for (size_t first = 0; first < request.seeds.size(); first += at_once)
    IPA_TRY(sampler.make_pictures(first, std::min(at_once, request.seeds.size() - first), result));
  return result;
}

}  // namespace ipa
