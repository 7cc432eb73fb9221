#include "pipeline/sample/step_plan.h"

namespace ipa {

std::vector<StepKind> plan_steps(int calls, bool guided, const GenerateRequest& request) {
  // Rounded down at both ends, as the guiders of diffusers do.
  const int first = static_cast<int>(request.guidance_start * calls);
  const int end = static_cast<int>(request.guidance_end * calls);
  const int every = request.cache_every;
  std::vector<StepKind> kinds(static_cast<size_t>(calls));
  int age = 0;  // calls since the last full one
  for (int i = 0; i < calls; ++i) {
    StepKind& kind = kinds[static_cast<size_t>(i)];
    kind.guided = guided && i >= first && i < end;
    const bool same_batch = i > 0 && kinds[static_cast<size_t>(i - 1)].guided == kind.guided;
    kind.full = !(every > 1 && same_batch && age + 1 < every);
    age = kind.full ? 0 : age + 1;
  }
  return kinds;
}

}  // namespace ipa
