// How strong every branch is in each layer, from one model call to the next.
#pragma once

#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "models/unet.h"
#include "pipeline/request.h"
#include "pipeline/sample/guidance.h"

namespace ipa {

// Whether model call `call` of `calls` lies in a window: ControlNet's rule.
bool in_window(double start, double end, int call, int calls);
// What a branch's scale is multiplied by in a model call; 0 outside of its window.
float factor_in_call(const ImageBranch& branch, int call, int calls);

class BranchScales {
 public:
  // Branches of the same strength in several layers read one value there.
  // Branches, UNet and parts outlive it. invalid_option when factors do not fit the UNet.
  static Result<BranchScales> plan(const UNet& unet, const std::vector<ImageBranch>& branches,
                                   const std::vector<GuidancePart>& parts);
  size_t bytes() const { return values_.size() * sizeof(float); }

  // Which value a branch reads in a layer; -1: it has no part in the layer.
  int value_of(size_t branch, size_t layer) const { return layers_[branch][layer]; }
  // Of which layers a branch has a part.
  std::vector<bool> used(size_t branch) const;
  size_t count_values() const { return slots_.size(); }
  // Of `count` items from `first` on. The memory stays the same from call to call.
  BoundView view(size_t value, int64_t first, int64_t count) const;
  // Before model call `call` of a picture's `calls`.
  Status begin_call(int call, int calls);

 private:
  struct Slot {
    size_t branch = 0;
    float factor = 1;
  };
  int slot_of(size_t branch, float factor);

  const std::vector<ImageBranch>* branches_ = nullptr;
  const std::vector<GuidancePart>* parts_ = nullptr;
  std::vector<std::vector<int>> layers_;  // of each branch
  std::vector<Slot> slots_;
  std::vector<float> values_;  // an item after the other, of one slot after the other
  BoundMemory memory_;
};

}  // namespace ipa
