// The quantised types of ggml: rows cut into blocks of a fixed number of values that share their scales.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weights/tensor_source.h"

namespace ipa {

struct BlockLayout {
  size_t values = 0;  // a block
  size_t bytes = 0;
};

// {0, 0} for the types that are not stored in blocks.
BlockLayout block_layout(DType type);

// Writes count * block_layout(type).values values, the same bits as ggml computes.
// False when the type is not stored in blocks.
bool dequantise_blocks(DType type, const uint8_t* blocks, size_t count, float* out);

}  // namespace ipa
