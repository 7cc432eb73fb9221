// How the networks of a file in the original layout (LDM, sgm) are built, told by the names
// and shapes of their tensors. Sizes are as the file has them: what reads them into a network checks them.
#pragma once

#include <string>

#include "base/status.h"
#include "configs/unet_config.h"
#include "configs/vae_config.h"
#include "weights/tensor_source.h"

namespace ipa {

// Attention heads of a level of this width, as Stable Diffusion 1 has them, or 2 and SDXL (`linear` projections).
int usual_heads(int64_t width, bool linear);
// missing_tensor for a UNet without a first layer.
Result<UNetConfig> original_unet_config(const TensorSource& source, const std::string& prefix);
// "sd1", "sd2" or "sdxl", by a UNet of the original layout.
std::string original_family(const UNetConfig& unet);
// The errors of vae_shape(). `scaling`: the family's scaling factor.
Result<VaeConfig> original_vae_config(const TensorSource& source, const std::string& prefix, double scaling);

}  // namespace ipa
