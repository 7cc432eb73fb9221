// Weights that are kept as codes and scales, made numbers: see BlockScales.
#pragma once

#include <cstring>

#include "cuda/kernels/device.cuh"

namespace ipa::gpu {

// Kinds of weights.
struct Codes8 {
  static constexpr int bits = 8;
};
struct Codes4 {
  static constexpr int bits = 4;
};

// Eight codes of a row and what makes numbers of them, as they lie in memory.
struct EightCodes {
  uint32_t low, high, outer, inner;
};

template <class Codes>
DEV EightCodes load_codes(const void* codes, const BlockScales& b, int64_t row, int32_t depth, int32_t k) {
  EightCodes e = {0, 0, 0, 0};
  const int64_t eighth = (row * depth + k) / 8;
  if constexpr (Codes::bits == 8) {
    const uint2 bytes = static_cast<const uint2*>(codes)[eighth];
    e.low = bytes.x;
    e.high = bytes.y;
  } else {
    e.low = static_cast<const uint32_t*>(codes)[eighth];
    if (b.high_bits == 1) e.high = static_cast<const uint8_t*>(b.high)[eighth];
    if (b.high_bits == 2) e.high = static_cast<const uint16_t*>(b.high)[eighth];
  }
  const int64_t outer = row * (depth >> b.outer_shift) + (k >> b.outer_shift);
  const int64_t inner = row * (depth >> b.inner_shift) + (k >> b.inner_shift);
  if (b.offsets) {
    e.outer = static_cast<const uint32_t*>(b.outer)[outer];
    if (b.inner) e.inner = static_cast<const uint16_t*>(b.inner)[inner];
  } else {
    e.outer = static_cast<const uint16_t*>(b.outer)[outer];
    if (b.inner) e.inner = static_cast<const uint8_t*>(b.inner)[inner];
  }
  return e;
}

DEV float half_of(uint32_t bits) {
  const auto low = static_cast<uint16_t>(bits);
  Half half;
  memcpy(&half, &low, sizeof half);
  return to_float(half);
}

// Code j, which has 4 + high_bits bits; 4: a byte.
template <int high_bits>
DEV uint32_t code_at(const EightCodes& e, int j) {
  if constexpr (high_bits == 4) {
    return (j < 4 ? e.low : e.high) >> (j % 4 * 8) & 255u;
  } else {
    const uint32_t upper = e.high >> (j * high_bits) & ((1u << high_bits) - 1);
    return (e.low >> (j * 4) & 15u) | upper << 4;
  }
}

// The weights as they are multiplied. Every product is exact in f32, so that the sum alone rounds, and then T.
template <class T, int high_bits>
DEV uint4 numbers_of(const EightCodes& e, const BlockScales& b) {
  float scale = half_of(e.outer), offset = half_of(e.outer >> 16);
  if (b.inner) {
    scale *= static_cast<float>(static_cast<int8_t>(e.inner));
    offset *= static_cast<float>(static_cast<int8_t>(e.inner >> 8));
  }
  // A float whose last bits are the code: converting an integer takes several times as long.
  constexpr uint32_t whole = 0x4b000000u;
  const float start = static_cast<float>(b.least) - 8388608.0f;
  float w[8];
#pragma unroll
  for (int j = 0; j < 8; ++j)
    w[j] = fmaf(scale, __uint_as_float(whole | code_at<high_bits>(e, j)) + start, offset);
  return make_uint4(pack2<T>(w[0], w[1]), pack2<T>(w[2], w[3]), pack2<T>(w[4], w[5]), pack2<T>(w[6], w[7]));
}

template <class T, class Codes>
DEV uint4 numbers_of(const EightCodes& e, const BlockScales& b) {
  if constexpr (Codes::bits == 8) {
    return numbers_of<T, 4>(e, b);
  } else {
    if (b.high_bits == 1) return numbers_of<T, 1>(e, b);
    if (b.high_bits == 2) return numbers_of<T, 2>(e, b);
    return numbers_of<T, 0>(e, b);
  }
}

}  // namespace ipa::gpu
