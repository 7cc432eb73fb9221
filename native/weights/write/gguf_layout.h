// The header of a GGUF file (version 3) to be written, and the order of its data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/write/file_layout.h"

namespace ipa {

struct GgufMetadata {
  std::string architecture;  // general.architecture
  DType type = DType::f32;   // of most tensors: general.file_type
  Texts texts;
};

// The shape of `tensor` in the file's table.
// Its own, unless it has more than 4 sizes or its rows are not whole blocks of its type: then [n, 256],
// or one row, with its own beside it as ComfyUI's GGUF tools have it. Nothing where that cannot be:
// a number of values that 256 does not divide, or a name or size that the key of its own shape cannot have.
std::optional<std::vector<int64_t>> gguf_shape(const TensorInfo& tensor);

// `tensors`, with their bytes, keep their order and are aligned to 32 bytes. Texts that GGUF cannot hold are
// left out, and those whose keys the format or this function uses. Errors: Code::unsupported (a type or shape
// that GGUF does not have), limit (a name of more than 256 bytes), invalid_option (no usable name), duplicate.
Result<FileLayout> lay_out_gguf(const std::vector<TensorInfo>& tensors, const GgufMetadata& metadata);

}  // namespace ipa
