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

// In which of the model calls conditions count, which have one window.
inline std::vector<bool> active_calls(const GenerateRequest& request, const std::vector<size_t>& conditions,
                                      size_t calls) {
  const ControlUse& first = request.controls[conditions.front()];
  bool any = false;
  for (const size_t condition : conditions) any = any || request.controls[condition].scale != 0;
  std::vector<bool> active;
  for (size_t i = 0; i < calls; ++i) active.push_back(any && in_window(first.start, first.end, i, calls));
  return active;
}

}  // namespace ipa
