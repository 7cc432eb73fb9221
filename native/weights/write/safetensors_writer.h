// Writer of safetensors files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct TensorToWrite {
  std::string name;            // 1..512 bytes of UTF-8, unique, not "__metadata__"
  std::vector<int64_t> shape;  // row-major, at most 8 sizes, each >= 0
  const float* data = nullptr;
  DType type = DType::f32;  // stored as: f32 or f16 (rounded to nearest even)
};

// Writes a temporary file in the same folder and renames it, so `path` holds either its former content
// or all of this. The header is padded to a multiple of 8 with spaces and the widest type comes first,
// so data are aligned. Errors: Code::invalid_option (a bad name, shape or type), duplicate, io, not_found.
Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors);

}  // namespace ipa
