// Half types of the emulated device, and their conversions: exact to f32, to nearest even from it.
#pragma once

#include <cstdint>
#include <cstring>

namespace ipa::gpu {

struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

}  // namespace ipa::gpu

namespace cuda_emulator {

inline float float_of_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float float_of_bfloat(uint32_t bits) { return float_of_bits(bits << 16); }

// Without a branch, so that loops over it become vector code.
inline float float_of_half(uint32_t bits) {
  constexpr uint32_t rebias = 112u << 23, smallest_normal = 113u << 23, infinity = 0x7f800000u;
  const uint32_t sign = (bits & 0x8000u) << 16, magnitude = (bits & 0x7fffu) << 13, exponent = bits & 0x7c00u;
  const uint32_t is_subnormal = 0u - (exponent == 0), is_not_finite = 0u - (exponent == 0x7c00u);
  const uint32_t normal = magnitude + rebias;
  const uint32_t subnormal =
      bits_of_float(float_of_bits(magnitude + smallest_normal) - float_of_bits(smallest_normal));
  return float_of_bits(sign | (normal & ~is_subnormal) | (subnormal & is_subnormal) |
                       (infinity & is_not_finite));
}

inline uint16_t bfloat_of_float(float value) {
  const uint32_t bits = bits_of_float(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline uint16_t half_of_float(float value) {
  const uint32_t bits = bits_of_float(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0x7fff;
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and more
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 leaves a multiple of 2^-24 in the low bits, rounded by the addition.
    const uint32_t sum = bits_of_float(float_of_bits(magnitude) + 0.5f);
    return static_cast<uint16_t>(sign | (sum - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

}  // namespace cuda_emulator
