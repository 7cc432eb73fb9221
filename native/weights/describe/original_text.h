// Text encoders of models in one file: where they stand, in which naming, and their configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "configs/clip_config.h"
#include "weights/describe/accounting.h"
#include "weights/names/original_names.h"
#include "weights/tensor_source.h"

namespace ipa {

struct OriginalText {
  NetworkScope scope;
  std::string prefix;  // of its tensors, inside the scope
  // Trained by OpenCLIP: pads otherwise, and has another activation.
  bool open_clip = false;
  // Named as open_clip has it; else as transformers, which stable-diffusion.cpp also gives to OpenCLIP's.
  bool open_clip_names = false;
  // Of transformers' naming: `text_projection` without an ending is stored (in, out), as open_clip has it.
  bool projection_by_input = false;
  ClipTextConfig config;
};

// Of a model of `family`. Stable Diffusion 1, 2 and XL's refiner have one, XL has two; none when none is found.
Result<std::vector<OriginalText>> find_original_texts(const TensorSource& source, const std::string& family);

// Where the file has the encoder's tensor that is `name` in transformers; "" when it has none.
OriginalTensor original_text_tensor(const TensorSource& source, const OriginalText& text,
                                    const std::string& name);

}  // namespace ipa
