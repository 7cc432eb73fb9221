// The shape of networks in one file, told by all tensors that show it.
// What one tensor shows and another denies is an error: a part that is missing would give another picture.
#pragma once

#include <string>

#include "base/status.h"
#include "weights/names/prefixed_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

// As the blocks on the way down are numbered.
struct UNetLevels {
  int layers = 0;  // residual blocks per level
  int levels = 1;
};
UNetLevels unet_levels(const Prefixed& unet);

// Code::missing_tensor, naming it, when the UNet lacks a part that the rest of it belongs with.
Status check_unet_shape(const TensorSource& source, const std::string& prefix, const std::string& family);

struct VaeShape {
  int levels = 0;            // resolutions
  int layers = 0;            // residual blocks per level of the encoder; the decoder has one more
  bool attends = false;      // in the middle
  bool quant_convs = false;  // between the halves
};
// Either half shows the shape of both. missing_tensor, naming it, for a level that the decoder lacks.
Result<VaeShape> vae_shape(const TensorSource& source, const std::string& prefix);

}  // namespace ipa
