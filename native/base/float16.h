// IEEE binary16 in software, for where no instruction is at hand. Inline, so that loops over it vectorise.
#pragma once

#include <cstdint>
#include <cstring>

namespace ipa {

inline float f16_to_f32(uint16_t bits) {
  const uint32_t rest = bits & 0x7FFFu;
  // All three answers, then a choice without branches, so that the loop over a tensor vectorises.
  const uint32_t special = (rest << 13) | 0x7F800000u;  // infinity, NaN
  const uint32_t normal = (rest << 13) + 0x38000000u;   // exponent bias 15 -> 127
  const float magnitude =
      static_cast<float>(static_cast<int32_t>(rest)) * 5.9604644775390625e-8f;  // 2^-24, exact
  uint32_t small;
  std::memcpy(&small, &magnitude, sizeof small);
  const uint32_t value = rest >= 0x7C00u ? special : rest >= 0x0400u ? normal : small;
  const uint32_t all = (static_cast<uint32_t>(bits & 0x8000u) << 16) | value;
  float result;
  std::memcpy(&result, &all, sizeof result);
  return result;
}

// Rounded to nearest even; overflow gives infinity, NaN stays NaN.
inline uint16_t f32_to_f16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t rest = bits & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | ((rest >> 13) & 0x3FFu));
  if (rest >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65520 and more round to infinity
  uint32_t mantissa = rest;
  int shift = 13;
  if (rest < 0x38800000u) {  // below 2^-14: a subnormal, whose unit is 2^-24
    const int exponent = static_cast<int>(rest >> 23);
    if (exponent < 102) return static_cast<uint16_t>(sign);  // below half of the smallest subnormal
    mantissa = (rest & 0x7FFFFFu) | 0x800000u;
    shift = 126 - exponent;
  } else {
    mantissa = rest - 0x38000000u;
  }
  const uint32_t kept = mantissa >> shift;
  const uint32_t lost = mantissa & ((1u << shift) - 1);
  const uint32_t half = 1u << (shift - 1);
  const bool up = lost > half || (lost == half && (kept & 1));
  return static_cast<uint16_t>(sign | (kept + (up ? 1 : 0)));
}

}  // namespace ipa
