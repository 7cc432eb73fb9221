// A CLIP image encoder in one file without a configuration, such as ComfyUI's clip_vision_h.safetensors:
// told by its tensors, under the names of transformers or of OpenCLIP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "configs/clip_config.h"
#include "weights/names/original_names.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether these are OpenCLIP's tensors of an image encoder ("visual.conv1.weight").
bool is_open_clip_vision(const TensorSource& source);
// Its configuration. Heads and activation are not in tensors:
// they are those of the published encoder of that width, else heads of 64 channels and gelu.
// missing_tensor or shape when it is no image encoder.
Result<ClipVisionConfig> image_encoder_config(const TensorSource& source);
// The tensors `names` of CLIPVisionModelWithProjection from a file in either naming.
// unsupported when the encoder has others besides.
Result<std::unique_ptr<TensorSource>> image_encoder_tensors(std::unique_ptr<TensorSource> source,
                                                            const std::vector<std::string>& names);

}  // namespace ipa
