// Opens a weight file of any format that is read here, told from its first bytes and not from its name.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

enum class WeightFormat { safetensors, pytorch, gguf };
const char* weight_format_name(WeightFormat format);  // "safetensors", "pytorch", "gguf"

// Weights stored with scales are multiplied (with_scales). Errors of open_torch when it is PyTorch's,
// of open_gguf when it is GGUF, else of open_safetensors; of with_scales.
Result<std::unique_ptr<TensorSource>> open_weight_file(const std::string& path, WeightFormat* format = nullptr);

// The same without scales: a file that is only a part of something.
Result<std::unique_ptr<TensorSource>> open_unscaled_file(const std::string& path,
                                                         WeightFormat* format = nullptr);

}  // namespace ipa
