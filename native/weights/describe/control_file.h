// Files of structure controls: which kind one is, how its network is built, and its tensors under the names
// of that network's parameters. All is told by tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "configs/controlnet_config.h"
#include "weights/tensor_source.h"

namespace ipa {

enum class ControlKind : uint8_t { controlnet, controlnet_union, control_lora, t2i_adapter };
// As info.controls has it: "controlnet", "controlnet-union", "control-lora", "t2i-adapter".
const char* control_kind_name(ControlKind kind);

// Whether these are the tensors of a control.
bool is_control(const TensorSource& source);
// What stands before the names of its tensors.
std::string control_prefix(const TensorSource& source);
// Code::unsupported for what is none, or of another kind, naming what it is where that is known.
Result<ControlKind> control_kind(const TensorSource& source);

// How the ControlNet in `source` is built: with diffusers' names, or those of the original layout,
// with or without `control_model.` in front. missing_tensor when its first layers are not there.
Result<ControlNetConfig> controlnet_config(const TensorSource& source);
// Of a Control-LoRA, whose file has the network that reads the picture; the rest is as this UNet.
ControlNetConfig control_lora_config(const TensorSource& source, const UNetConfig& unet);
// Its tensors `names`. Code::unsupported when the network has others besides (account_for).
Result<std::unique_ptr<TensorSource>> controlnet_tensors(std::unique_ptr<TensorSource> source,
                                                         const ControlNetConfig& config,
                                                         const std::vector<std::string>& names);

}  // namespace ipa
