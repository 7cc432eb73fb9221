// Opens IP-Adapter files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/changes/lora_file.h"
#include "weights/describe/adapter_description.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

struct AdapterFile {
  // Tensors `image_proj.*` and `ip_adapter.N.*`.
  std::unique_ptr<TensorSource> weights;
  AdapterDescription description;
  IgnoredTensors ignored;
};

// Opens an IP-Adapter of any known variant. Errors of open_weight_file and describe_adapter.
Result<AdapterFile> open_adapter(const std::string& path);

// Whether a file's name says that it is a FaceID PlusV2 adapter:
// nothing in it does, its tensors are those of Plus.
bool is_named_plus_v2(const std::string& path);

// The LoRA inside a FaceID adapter, as one of the UNet whose attention layers are named `attention`,
// in the adapter's order. No modules when the file has no LoRA.
Result<LoraFile> open_adapter_lora(const std::string& path, const std::vector<std::string>& attention);

}  // namespace ipa
