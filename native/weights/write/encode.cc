#include "weights/write/encode.h"

#include <cmath>
#include <cstring>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/write/ggml_quantise.h"

namespace ipa {
namespace {

// `infinity`: the bits of one, without its sign.
template <class Convert>
bool encode_16(const float* values, size_t count, uint16_t infinity, uint8_t* out, Convert convert) {
  bool fits = true;
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = convert(values[i]);
    std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
    fits = fits && ((bits & 0x7FFF) != infinity || std::isinf(values[i]));
  }
  return fits;
}

}  // namespace

bool encodable(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16 || quantisable(type);
}

uint64_t stored_bytes(DType type, uint64_t values) {
  const BlockLayout block = block_layout(type);
  return block.values > 0 ? values / block.values * block.bytes : values * dtype_size(type);
}

bool encode_f32(DType type, const float* values, size_t count, uint8_t* out) {
  switch (type) {
    case DType::f32:
      if (count > 0) std::memcpy(out, values, count * sizeof(float));
      return true;
    case DType::f16: return encode_16(values, count, 0x7C00, out, f32_to_f16);
    case DType::bf16:
      return encode_16(values, count, 0x7F80, out, [](float value) { return to_bfloat16(value).bits; });
    default: return quantisable(type) && quantise_blocks(type, values, count / block_layout(type).values, out);
  }
}

}  // namespace ipa
