// How strong every branch is in each layer and place, from one model call to the next.
#pragma once

#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "pipeline/condition/places.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"
#include "pipeline/sample/guidance.h"

namespace ipa {

// What a branch's scale is multiplied by in a model call; 0 outside of its window.
float factor_in_call(const ImageBranch& branch, int call, int calls);

class BranchScales {
 public:
  // What is equally strong in several layers is one value, which they share.
  // Models, request and parts outlive it. invalid_option when factors do not fit the UNet.
  static Result<BranchScales> plan(const ModelSet& models, const GenerateRequest& request,
                                   const std::vector<GuidancePart>& parts);
  size_t bytes() const { return values_.size() * sizeof(float); }
  const MemorySpace& space() const { return *space_; }

  // Which value an image branch, a region's prompt or, beside regions, the prompt reads in a layer;
  // -1: it has no part in the layer, or is read as it is.
  int of_branch(size_t branch, size_t layer) const { return branches_[branch][layer]; }
  int of_region(size_t region, size_t layer) const { return regions_[region][layer]; }
  int of_prompt(size_t layer) const { return prompt_.empty() ? -1 : prompt_[layer]; }
  // In which layers a branch has a part.
  std::vector<bool> used(size_t branch) const;

  size_t count_values() const { return slots_.size(); }
  // Scales per item: one, or one for each query.
  int64_t rows(size_t value) const { return slots_[value].rows; }
  // Of `count` items from `first` on. The memory stays the same from call to call.
  BoundView view(size_t value, int64_t first, int64_t count) const;

  // Once, before the first call: masks are read.
  Status begin();
  // Before model call `call` of a picture's `calls`.
  Status begin_call(int call, int calls);

 private:
  struct Slot {
    PlaceOf what;
    float factor = 1;
    MaskGrid layer;  // empty where the place does not matter
    int64_t rows = 1;
    size_t at = 0;               // in values_
    std::vector<float> weights;  // of the place, one per row; empty: 1
  };
  std::vector<int> plan_layers(const ModelSet& models, PlaceOf what);
  Result<std::vector<int>> plan_branch(const ModelSet& models, size_t branch);
  int slot_of(PlaceOf what, float factor, MaskGrid layer);
  float strength(const Slot& slot, const GuidancePart& part, int call, int calls) const;
  bool guided() const;

  const MemorySpace* space_ = nullptr;
  const GenerateRequest* request_ = nullptr;
  const std::vector<GuidancePart>* parts_ = nullptr;
  std::vector<std::vector<int>> branches_, regions_;
  std::vector<int> prompt_;
  std::vector<Slot> slots_;
  std::vector<float> values_;  // an item after the other, of one slot after the other
  BoundMemory memory_;
};

}  // namespace ipa
