// Translation of the names that IP-Adapters are found under to `image_proj.*` and `ip_adapter.N.*`.
#pragma once

#include <memory>

#include "base/status.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

// Third-party files write `adapter_modules.` for `ip_adapter.`. A checkpoint of the training scripts holds
// the whole trained module: `image_proj_model.*`, `adapter_modules.N.*`, the frozen `unet.*`, and the adapter's
// weights once more, or (where equal tensors are stored once) only, as `unet.<attention layer>.processor.*`.
bool has_adapter_names(const TensorSource& source);
Result<std::unique_ptr<TensorSource>> with_adapter_names(std::unique_ptr<TensorSource> source);

// What such a source holds beside an adapter.
// (Of those under an adapter's own prefixes describe_adapter refuses what it does not know.)
IgnoredTensors ignored_in_adapter(const TensorSource& adapter);

}  // namespace ipa
