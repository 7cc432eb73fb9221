// One condition of a call: a ControlNet with its picture, when it counts and how much.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "pipeline/call.h"
#include "pipeline/sample/control_call.h"
#include "pipeline/sample/controlnet_program.h"

namespace ipa {

class ControlNetRun {
 public:
  // What it adds is written to `results`, which outlives it. `index`: of the request's controls.
  static Result<std::unique_ptr<ControlNetRun>> plan(const ControlCall& call, size_t index,
                                                     const Residuals& results);
  void count(MemoryCount& memory) const;
  // Reads the picture. After the conditioning has run, and the memory of the results was taken. Once.
  Status begin(const Call& call);

  bool active(size_t i) const { return active_[i]; }
  // Of a step of this kind: the items that it computes, and of how many skip connections and the middle.
  struct Extent {
    int64_t first = 0, batch = 1;
    size_t results = 0;
  };
  Extent extent(StepKind kind) const;
  // `latents`: channels-last.
  Status run(StepKind kind, const std::vector<float>& latents, float timestep, const CancelFlag* cancel);
  // What the i-th result counts.
  float factor(size_t i) const;
  bool pooled() const { return net_.config().pooled; }

 private:
  ControlNetRun(const ControlCall& call, size_t index, const Residuals& results);
  // Batch, first item and number of skip connections of a step's program.
  ControlNetProgramShape shape_of(StepKind kind) const;
  std::unique_ptr<ControlNetProgram>& program_of(StepKind kind);
  Status plan_picture(const ControlCall& call);
  Result<std::vector<float>> picture_values() const;
  size_t picture_bytes() const;

  const ControlUse& use_;
  const GenerateRequest& request_;
  const LoadedNetwork<ControlNet>& net_;
  const Residuals& results_;
  int64_t items_;
  bool guess_;  // without the negative half, and the outer connections count less
  std::vector<bool> active_;
  ControlNetProgramShape shape_;
  std::unique_ptr<Program> picture_program_;
  Value pixels_, read_;
  BoundMemory picture_;
  std::unique_ptr<ControlNetProgram> all_full_, all_shallow_, last_full_, last_shallow_;
};

}  // namespace ipa
