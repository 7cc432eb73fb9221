// Control-LoRA files: a ControlNet as what differs from the UNet at hand, in the original names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/matrix_product.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether these are the tensors of such a file.
bool is_control_lora(const TensorSource& file);

// A source of the ControlNet's tensors `names` (diffusers'): what the file has whole as it is; others
// the UNet's, plus the product of `.up` and `.down` where the file has them. `picture_blocks`: of the convolutions
// that read the picture, those between the first and the last.
// missing_tensor where neither has one; shape where a product does not fit; unsupported for tensors of the file
// that no layer reads.
Result<std::unique_ptr<TensorSource>> with_control_lora(std::unique_ptr<TensorSource> file,
                                                        std::unique_ptr<TensorSource> unet, int picture_blocks,
                                                        const std::vector<std::string>& names,
                                                        AddProduct product);

}  // namespace ipa
