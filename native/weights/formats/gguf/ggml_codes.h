// The quantised types of ggml as codes and scales, for devices that multiply them as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/block_codes.h"
#include "weights/tensor_source.h"

namespace ipa {

// None for the types that are not stored in blocks.
BlockFormat block_format(DType type);

// `count` blocks as codes and scales, whose numbers are those that dequantise_blocks() makes of them.
// False when the type is not stored in blocks.
bool split_blocks(DType type, const uint8_t* blocks, size_t count, BlockCodes& out);

}  // namespace ipa
