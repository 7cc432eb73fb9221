// Loads a structure control of any kind.
#pragma once

#include <memory>

#include "base/status.h"
#include "pipeline/load/loaded_control.h"

namespace ipa {

// Errors of the readers; Code::mismatch when it is not for this UNet.
Result<std::shared_ptr<const LoadedControl>> load_control(const ControlRequest& request,
                                                          const ControlHost& host, const LoadContext& context);

}  // namespace ipa
