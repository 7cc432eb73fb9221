// What all conditions of a call have in common, and when one of them counts.
#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/condition/conditioning.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"
#include "pipeline/sample/step_plan.h"

namespace ipa {

struct ControlCall {
  const ModelSet& models;
  const GenerateRequest& request;
  const Conditioning& conditioning;
  const std::vector<StepKind>& kinds;
};

// Whether a window of shares of the model calls is open in call `i` of `calls` (diffusers' rule).
inline bool in_window(double start, double end, size_t i, size_t calls) {
  const auto count = static_cast<double>(calls);
  return !(static_cast<double>(i) / count < start || static_cast<double>(i + 1) / count > end);
}

// In which of the model calls a condition counts.
inline std::vector<bool> active_calls(const ControlUse& use, size_t calls) {
  std::vector<bool> active;
  for (size_t i = 0; i < calls; ++i)
    active.push_back(use.scale != 0 && in_window(use.start, use.end, i, calls));
  return active;
}

}  // namespace ipa
