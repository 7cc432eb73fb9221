#include "weights/write/ggml_quantise.h"

#include <algorithm>
#include <cmath>

#include "base/float16.h"
#include "weights/formats/gguf/ggml_blocks.h"

namespace ipa {
namespace {

constexpr int block_values = 32;

// Whole numbers as numpy casts them on x86-64: what no integer holds becomes 0.
// Only blocks whose values all lie below 2^-124 lead there, and their f16 scale is 0 in any case.
int whole(float value) { return std::fabs(value) < 2147483648.0f ? static_cast<int>(value) : 0; }

float inverse(float scale) { return scale == 0 ? 0.0f : 1 / scale; }

// Whether the file's f16 can hold it.
bool put_half(float value, uint8_t* out) {
  const uint16_t bits = f32_to_f16(value);
  out[0] = static_cast<uint8_t>(bits);
  out[1] = static_cast<uint8_t>(bits >> 8);
  return (bits & 0x7C00) != 0x7C00;
}

struct Codes {
  float scale, least;
  uint8_t of[block_values];
};

// Codes 0 to 2 * middle - 1 around `middle`;
// the value farthest from 0 gets code 0, so the scale has its sign turned round.
Codes around_zero(const float* values, int middle) {
  float farthest = values[0];
  for (int i = 1; i < block_values; ++i) {
    if (std::fabs(values[i]) > std::fabs(farthest)) farthest = values[i];
  }
  Codes codes;
  codes.scale = farthest / static_cast<float>(-middle);
  codes.least = 0;
  const float factor = inverse(codes.scale), half_up = static_cast<float>(middle) + 0.5f;
  for (int i = 0; i < block_values; ++i)
    codes.of[i] = static_cast<uint8_t>(std::clamp(whole(values[i] * factor + half_up), 0, 2 * middle - 1));
  return codes;
}

// Codes 0 to `most` from the least value to the greatest.
Codes from_least(const float* values, int most) {
  float least = values[0], greatest = values[0];
  for (int i = 1; i < block_values; ++i) {
    least = std::min(least, values[i]);
    greatest = std::max(greatest, values[i]);
  }
  Codes codes;
  codes.scale = (greatest - least) / static_cast<float>(most);
  codes.least = least;
  const float factor = inverse(codes.scale);
  for (int i = 0; i < block_values; ++i)
    codes.of[i] = static_cast<uint8_t>(std::clamp(whole((values[i] - least) * factor + 0.5f), 0, most));
  return codes;
}

// Low halves of the bytes are the first 16 values, high halves the others.
void put_low_bits(const Codes& codes, uint8_t* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<uint8_t>((codes.of[i] & 15) | (codes.of[i + 16] & 15) << 4);
}

// The fifth bit of value i is bit i of four bytes.
void put_fifth_bits(const Codes& codes, uint8_t* out) {
  std::fill(out, out + 4, uint8_t{0});
  for (int i = 0; i < block_values; ++i) out[i / 8] |= static_cast<uint8_t>((codes.of[i] >> 4) << (i % 8));
}

bool quantise_q4_0(const float* values, uint8_t* block) {
  const Codes codes = around_zero(values, 8);
  put_low_bits(codes, block + 2);
  return put_half(codes.scale, block);
}

bool quantise_q4_1(const float* values, uint8_t* block) {
  const Codes codes = from_least(values, 15);
  put_low_bits(codes, block + 4);
  const bool scale_fits = put_half(codes.scale, block);
  return put_half(codes.least, block + 2) && scale_fits;
}

bool quantise_q5_0(const float* values, uint8_t* block) {
  const Codes codes = around_zero(values, 16);
  put_fifth_bits(codes, block + 2);
  put_low_bits(codes, block + 6);
  return put_half(codes.scale, block);
}

bool quantise_q5_1(const float* values, uint8_t* block) {
  const Codes codes = from_least(values, 31);
  put_fifth_bits(codes, block + 4);
  put_low_bits(codes, block + 8);
  const bool scale_fits = put_half(codes.scale, block);
  return put_half(codes.least, block + 2) && scale_fits;
}

bool quantise_q8_0(const float* values, uint8_t* block) {
  float farthest = 0;
  for (int i = 0; i < block_values; ++i) farthest = std::max(farthest, std::fabs(values[i]));
  const float scale = farthest / 127, factor = inverse(scale);
  for (int i = 0; i < block_values; ++i)
    block[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(whole(std::round(values[i] * factor))));
  return put_half(scale, block);
}

using Quantise = bool (*)(const float* values, uint8_t* block);

Quantise quantise_of(DType type) {
  switch (type) {
    case DType::q4_0: return quantise_q4_0;
    case DType::q4_1: return quantise_q4_1;
    case DType::q5_0: return quantise_q5_0;
    case DType::q5_1: return quantise_q5_1;
    case DType::q8_0: return quantise_q8_0;
    default: return nullptr;
  }
}

}  // namespace

bool quantisable(DType type) { return quantise_of(type) != nullptr; }

bool quantise_blocks(DType type, const float* values, size_t count, uint8_t* blocks) {
  const Quantise quantise = quantise_of(type);
  if (!quantise) return false;
  const size_t bytes = block_layout(type).bytes;
  bool fits = std::all_of(values, values + count * block_values, [](float v) { return std::isfinite(v); });
  for (size_t i = 0; i < count; ++i) fits = quantise(values + i * block_values, blocks + i * bytes) && fits;
  return fits;
}

}  // namespace ipa
