// Values into the types that weight files are written in; the other direction of dtype.h and ggml_blocks.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weights/tensor_source.h"

namespace ipa {

// f32, f16, bf16 and what can be quantised.
bool encodable(DType type);

// Bytes of `values` values of any type; `values` must be whole blocks where the type has them.
uint64_t stored_bytes(DType type, uint64_t values);

// Writes `count` values (whole blocks) to `out`, rounded to nearest even, or as quantise_blocks does.
// False when a finite value becomes infinite, or a quantised type is given a NaN or an infinity;
// the other types keep those. `type` must be encodable.
bool encode_f32(DType type, const float* values, size_t count, uint8_t* out);

}  // namespace ipa
