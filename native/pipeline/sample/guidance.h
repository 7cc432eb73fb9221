// Classifier-free guidance: what a step runs, and what is made of it.
#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/load/model_kind.h"
#include "pipeline/request.h"

namespace ipa {

// One item of a step's batch.
struct GuidancePart {
  bool positive = true;  // the prompt with its image prompts; false: the negative prompt and no picture in them
  bool picture = true;   // whether it sees the picture to change, where the model reads one
};

class Guidance {
 public:
  Guidance() = default;
  Guidance(Task task, const GenerateRequest& request)
      : instruct_(task == Task::instruct), scale_(request.guidance), picture_scale_(request.image_guidance) {}

  // In the order of the batch. Without guidance the last of them runs alone.
  std::vector<GuidancePart> parts(bool guided) const;
  // The prediction of the parts' outputs, one after the other with `count` values each.
  void combine(bool guided, const float* outputs, size_t count, float* prediction) const;

 private:
  bool instruct_ = false;
  float scale_ = 1, picture_scale_ = 1;
};

}  // namespace ipa
