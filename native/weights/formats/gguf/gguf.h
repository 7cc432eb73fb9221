// Reader of GGUF files, made for untrusted input like that of safetensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Opens `path` and validates its header; see read_gguf_header for the rules and codes. Further: the codes
// of open_file, Code::no_memory. Messages name the file. Quantised tensors are dequantised when read as f32.
Result<std::unique_ptr<TensorSource>> open_gguf(const std::string& path);

// The same for bytes in memory; `name` stands for the path.
Result<std::unique_ptr<TensorSource>> open_gguf_bytes(std::vector<uint8_t> bytes, const std::string& name);

}  // namespace ipa
