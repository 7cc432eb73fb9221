// Opens a file of weights of any format that can be read.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Through open_gguf when the file starts with GGUF's magic, whatever its name, else through open_safetensors,
// whose errors name the formats that cannot be read. `gguf`, where given, receives which one.
Result<std::unique_ptr<TensorSource>> open_weight_file(const std::string& path, bool* gguf = nullptr);

}  // namespace ipa
