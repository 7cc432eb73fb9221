// Which model calls of a picture run with guidance, and which of them in full.
#pragma once

#include <vector>

#include "pipeline/request.h"

namespace ipa {

struct StepKind {
  bool guided = false;  // both halves, in one batch
  bool full = true;  // the whole UNet; false: its outermost layers, with the deep features of the call before
};

// One entry per model call. `guided`: whether guidance is to be had at all. A full call follows every change
// between guided and not, because the features kept are those of another batch.
std::vector<StepKind> plan_steps(int calls, bool guided, const GenerateRequest& request);

}  // namespace ipa
