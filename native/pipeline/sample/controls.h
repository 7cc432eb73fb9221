// The structure controls of a call: what they add to the UNet in a step, summed.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "pipeline/sample/controlnet_run.h"
#include "pipeline/sample/residuals.h"
#include "pipeline/sample/t2i_run.h"

namespace ipa {

class Controls {
 public:
  // null for a call without controls. What `call` refers to outlives it.
  static Result<std::unique_ptr<Controls>> plan(const ControlCall& call);
  void count(MemoryCount& memory) const;
  // Takes the memory and reads the pictures. After the conditioning has run. Once.
  Status begin(const Call& call);
  // Of model call `i`; `latents`: channel-major, scaled for the model.
  Status run(size_t i, const float* latents, float timestep, const CancelFlag* cancel);
  // What run() has made.
  const Additions& additions() const { return sums_; }

 private:
  explicit Controls(const std::vector<StepKind>& kinds) : kinds_(kinds) {}
  Status plan_nets(const ControlCall& call, const std::vector<std::vector<size_t>>& nets);
  Status plan_adapters(const ControlCall& call, const std::vector<size_t>& conditions);
  // Adds what a net has made of a step.
  void add(const ControlNetRun& net, StepKind kind, bool first);
  void sum_levels(size_t i);

  const std::vector<StepKind>& kinds_;
  int64_t channels_ = 0, pixels_ = 0;
  std::vector<std::unique_ptr<ControlNetRun>> nets_;
  std::vector<std::unique_ptr<T2iRun>> adapters_;
  Additions sums_;
  // What the net that ran last has made; where there is one only, its place is among the sums at once.
  Residuals made_;
  std::vector<bool> summed_;  // which adapters are among the sums
  std::vector<float> latents_;
};

}  // namespace ipa
