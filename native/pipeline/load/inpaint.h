// Fooocus' inpainting in memory: the head, and the UNet's weights with the patch.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "models/inpaint_head.h"
#include "models/unet.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/loaded_network.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct LoadedInpaint {
  InpaintRequest request;
  std::unique_ptr<const LoadedNetwork<InpaintHead>> head;
  IgnoredTensors ignored;  // of the patch
};

// Reads the head, and what the patch makes of the UNet's weights with these LoRAs (see LoadedWeights::use_patched).
// Errors of open_inpaint_head, with_inpaint_patch and load_params.
Result<std::unique_ptr<const LoadedInpaint>> load_inpaint(const InpaintRequest& request,
                                                          LoadedNetwork<UNet>& unet,
                                                          const std::vector<LoraUse>& loras,
                                                          const LoadContext& context);

}  // namespace ipa
