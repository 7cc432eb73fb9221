// A structure control in memory, checked against the UNet that it steers.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "cpu/kernels/kernels.h"
#include "models/controlnet.h"
#include "models/unet.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/loaded_network.h"
#include "weights/describe/control_file.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct LoadedControl {
  ControlRequest request;
  ControlKind kind = ControlKind::controlnet;
  std::unique_ptr<const LoadedNetwork<ControlNet>> net;
  IgnoredTensors ignored;  // of its file

  const ParamSet& params() const { return net->params; }
};

// What a control is loaded for.
struct ControlHost {
  const UNet& unet;
  std::string family;         // of the UNet, for messages
  int64_t picture_scale = 8;  // pixels a latent covers along a side
  Compute compute = Compute::f32;
  const Kernels& kernels;
};

// Errors of the readers; Code::mismatch when it is not for this UNet.
Result<std::shared_ptr<const LoadedControl>> load_control(const ControlRequest& request,
                                                          const ControlHost& host, const LoadContext& context);

}  // namespace ipa
