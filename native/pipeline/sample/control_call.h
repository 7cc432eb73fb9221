// What all conditions of a call have in common, and when one of them counts.
#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/condition/conditioning.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"
#include "pipeline/sample/step_plan.h"
#include "pipeline/window.h"

namespace ipa {

struct ControlCall {
  const ModelSet& models;
  const GenerateRequest& request;
  const Conditioning& conditioning;
  const std::vector<StepKind>& kinds;
};

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
