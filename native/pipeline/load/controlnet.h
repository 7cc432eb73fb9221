// A ControlNet found in a folder or file, and its network with its weights.
#pragma once

#include <memory>

#include "base/status.h"
#include "pipeline/load/loaded_control.h"

namespace ipa {

// Errors of the readers; Code::mismatch when it is not for this UNet.
Result<std::shared_ptr<LoadedControl>> load_controlnet(const ControlRequest& request, const ControlHost& host,
                                                       const LoadContext& context);

}  // namespace ipa
