// A ControlNet of a call with its pictures, when it counts and how much.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "pipeline/call.h"
#include "pipeline/sample/control_call.h"
#include "pipeline/sample/control_pictures.h"
#include "pipeline/sample/controlnet_program.h"

namespace ipa {

class ControlNetRun {
 public:
  // `conditions`: of the request's controls, those that this net reads: one, or of a union several at once.
  // `among`: whether the call has other nets. What it adds is written to `results`, which outlives it.
  static Result<std::unique_ptr<ControlNetRun>> plan(const ControlCall& call,
                                                     const std::vector<size_t>& conditions, bool among,
                                                     const Residuals& results);
  void count(MemoryCount& memory) const;
  // Reads the pictures. After the conditioning has run, and the memory of the results was taken. Once.
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
  ControlNetRun(const ControlCall& call, const std::vector<size_t>& conditions, bool among);
  // Batch, first item and number of skip connections of a step's program.
  ControlNetProgramShape shape_of(StepKind kind) const;
  std::unique_ptr<ControlNetProgram>& program_of(StepKind kind);

  const ControlUse& first_;  // of the conditions
  const GenerateRequest& request_;
  const LoadedNetwork<ControlNet>& net_;
  int64_t items_;
  bool guess_;  // without the negative half, and the outer connections count less
  bool mixed_;  // a union of several pictures, whose scales count where they are mixed
  std::vector<bool> active_;
  ControlNetProgramShape shape_;
  std::unique_ptr<ControlPictures> pictures_;  // until they were read
  BoundMemory picture_;
  std::unique_ptr<Held> held_;  // the picture's
  std::unique_ptr<ControlNetProgram> all_full_, all_shallow_, last_full_, last_shallow_;
};

}  // namespace ipa
