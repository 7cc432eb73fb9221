// The two files of Fooocus' inpainting: the head, a single convolution, and the patch of the UNet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether the file holds one tensor "head" of a convolution of 3x3 and nothing else.
bool is_inpaint_head(const TensorSource& source);

// The head for a UNet whose first convolution makes `width` channels of `latent_channels`, its weight under `name`.
// Code::mismatch (another file, a head for another UNet); errors of open_weight_file.
Result<std::unique_ptr<TensorSource>> open_inpaint_head(const std::string& path, int64_t latent_channels,
                                                        int64_t width, const std::string& name);

// Tensors of a patch that are no change of a UNet's tensor.
IgnoredTensors ignored_in_inpaint_patch(const TensorSource& source);

}  // namespace ipa
