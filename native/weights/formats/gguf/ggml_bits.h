// Where the quantised types of ggml keep their scales and codes, for all that read them.
#pragma once

#include <cstdint>

#include "base/float16.h"

namespace ipa::ggml {

inline uint16_t half_bits(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }
inline float half_at(const uint8_t* bytes) { return f16_to_f32(half_bits(bytes)); }

// The fifth bit of value i is bit i of four bytes.
inline int fifth_bit(const uint8_t* high, int i) { return (high[i / 8] >> (i % 8) & 1) << 4; }

struct GroupScale {
  int scale, least;
};

// Of Q4_K and Q5_K: eight scales and minima of 6 bits in 12 bytes; the upper bits of the last four lie over those of the
// first.
inline GroupScale k_group(const uint8_t* block, int group) {
  const uint8_t* packed = block + 4;
  if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
  return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4,
          packed[group + 4] >> 4 | (packed[group] >> 6) << 4};
}

// Of Q3_K: sixteen scales of 6 bits.
inline int q3_k_scale(const uint8_t* block, int group) {
  const uint8_t* scales = block + 96;
  const int low = scales[group % 8] >> (group / 8 * 4) & 15;
  const int high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

// Codes of value i.
inline int q2_k_code(const uint8_t* block, int i) {
  return block[16 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
}
inline int q3_k_code(const uint8_t* block, int i) {
  const int value = block[32 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
  return value - (block[i % 32] >> (i / 32) & 1 ? 0 : 4);
}
inline int q4_k_code(const uint8_t* block, int i) {
  return block[16 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
}
inline int q5_k_code(const uint8_t* block, int i) {
  const int low = block[48 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
  return low | (block[16 + i % 32] >> (i / 32) & 1) << 4;
}
inline int q6_k_code(const uint8_t* block, int i) {
  const int low = block[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4) & 15;
  const int high = block[128 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
  return (low | high << 4) - 32;
}

}  // namespace ipa::ggml
