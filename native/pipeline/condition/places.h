// Where in the picture image prompts and regions count: masks at its pixels, and what attention's queries make of them.
#pragma once

#include <vector>

#include "base/status.h"
#include "image/attention_mask.h"
#include "pipeline/request.h"

namespace ipa {

// What has a place: an image branch, a region's prompt, or, beside regions, the prompt itself.
struct PlaceOf {
  enum Kind : uint8_t { branch, region, prompt } kind = branch;
  size_t index = 0;
};

class Places {
 public:
  // Reads the masks of a request, which outlives it. no_memory.
  static Result<Places> read(const GenerateRequest& request);
  // A weight per query of a layer with such a grid.
  std::vector<float> rows(PlaceOf what, MaskGrid layer) const;

 private:
  const GenerateRequest* request_ = nullptr;
  MaskGrid picture_;
  std::vector<std::vector<float>> masks_;    // of the branches, a weight per pixel; empty: everywhere
  std::vector<std::vector<float>> regions_;  // the same
  std::vector<float> rest_;                  // what regions leave to the prompt
};

// Whether it counts in all places alike.
bool is_everywhere(const GenerateRequest& request, PlaceOf what);

// invalid_option for a mask whose pixels are not there, or a region that is not.
Status check_places(const GenerateRequest& request);

}  // namespace ipa
