// Names the families of models that this engine does not run, by the tensors that only they have.
#pragma once

#include <string>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// "FLUX adapter", "Stable Diffusion 3 LoRA", "Kolors checkpoint", "HunyuanDiT ControlNet", …;
// "" for a file of Stable Diffusion 1, 2 or SDXL, and for one that nothing tells.
std::string other_family(const TensorSource& source);

// Code::unsupported with the file and its family, where other_family() names one.
Status refuse_other_family(const TensorSource& source);

// The same for a folder in the diffusers layout, by the class of its pipeline ("FluxPipeline").
Status refuse_other_pipeline(const std::string& folder, const std::string& class_name);

}  // namespace ipa
