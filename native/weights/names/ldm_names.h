// The layer names of the original checkpoints (LDM for Stable Diffusion, sgm for SDXL),
// which single files and most SDXL LoRAs use.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "weights/tensor_source.h"

namespace ipa {

// Of a UNet's layers. The original numbers all blocks of one side through,
// so a name depends on how many layers a block has, which is read from the tensors.
class LdmUNetNames {
 public:
  // `tensors`: all names of the UNet as diffusers has them.
  explicit LdmUNetNames(std::unordered_set<std::string> tensors);
  static LdmUNetNames of_tensors(const TensorSource& unet);
  // The original name of the layer `layer` ("down_blocks.1.attentions.0.proj_in"); "" when it has none.
  std::string of(std::string_view layer) const;

 private:
  std::unordered_set<std::string> tensors_;
  int layers_ = 0;  // resnets of a down block
};

}  // namespace ipa
