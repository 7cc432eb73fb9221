// Values into the quantised types of ggml that are plain roundings: Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weights/tensor_source.h"

namespace ipa {

// Whether quantise_blocks knows the type. The K-quants can only be read.
bool quantisable(DType type);

// Writes count * block_layout(type).values values as `count` blocks, the same bytes as the gguf package makes.
// False when a block holds a NaN or an infinity, or values so large that its f16 scale is infinite;
// the bytes then stand for nothing useful. `type` must be quantisable.
bool quantise_blocks(DType type, const float* values, size_t count, uint8_t* blocks);

}  // namespace ipa
