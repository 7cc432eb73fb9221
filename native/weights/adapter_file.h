// Opens IP-Adapter files.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "weights/adapter_description.h"
#include "weights/tensor_source.h"

namespace ipa {

struct AdapterFile {
  // Tensors `image_proj.*` and `ip_adapter.N.*`.
  std::unique_ptr<TensorSource> weights;
  AdapterDescription description;
};

// Opens an IP-Adapter of any known variant; what may be run is for the caller to decide. Errors of
// open_weight_file and describe_adapter; Code::unsupported for a PyTorch .bin, with the way out.
Result<AdapterFile> open_adapter(const std::string& path);

// Third-party files write `adapter_modules.` for `ip_adapter.`.
Result<std::unique_ptr<TensorSource>> with_adapter_names(std::unique_ptr<TensorSource> source);

}  // namespace ipa
