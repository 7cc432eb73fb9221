// The LoRAs of a pipeline: those that were asked for, and those inside its FaceID adapters.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "models/unet.h"
#include "pipeline/load/load_request.h"
#include "weights/changes/merged_source.h"
#include "weights/ignored_tensors.h"

namespace ipa {

// Code::mismatch when one changes a second text encoder that the model does not have;
// invalid_option when one is the LoRA that an adapter brings along anyway. Errors of the readers.
Result<std::vector<LoraUse>> open_loras(const std::vector<LoraRequest>& loras,
                                        const std::vector<AdapterRequest>& adapters, const UNet& unet,
                                        bool second_text);

// What each of them holds beside changes of layers and tokens.
std::vector<IgnoredOfFile> ignored_of(const std::vector<LoraUse>& loras);

// Names of all attention layers in the order of an adapter's tensors ip_adapter.N.
std::vector<std::string> attention_names(const UNet& unet);

}  // namespace ipa
