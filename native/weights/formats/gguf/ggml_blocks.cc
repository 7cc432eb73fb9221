#include "weights/formats/gguf/ggml_blocks.h"

#include "weights/formats/gguf/ggml_bits.h"

namespace ipa {
namespace {

using ggml::fifth_bit;
using ggml::half_at;

// Blocks of 32: low halves of the bytes are the first 16 values, high halves the others.

void dequantise_q4_0(const uint8_t* block, float* out) {
  const float scale = half_at(block);
  for (int i = 0; i < 16; ++i) {
    const uint8_t pair = block[2 + i];
    out[i] = scale * static_cast<float>((pair & 15) - 8);
    out[i + 16] = scale * static_cast<float>((pair >> 4) - 8);
  }
}

void dequantise_q4_1(const uint8_t* block, float* out) {
  const float scale = half_at(block), least = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    const uint8_t pair = block[4 + i];
    out[i] = scale * static_cast<float>(pair & 15) + least;
    out[i + 16] = scale * static_cast<float>(pair >> 4) + least;
  }
}

void dequantise_q5_0(const uint8_t* block, float* out) {
  const float scale = half_at(block);
  for (int i = 0; i < 16; ++i) {
    const uint8_t pair = block[6 + i];
    out[i] = scale * static_cast<float>(((pair & 15) | fifth_bit(block + 2, i)) - 16);
    out[i + 16] = scale * static_cast<float>(((pair >> 4) | fifth_bit(block + 2, i + 16)) - 16);
  }
}

void dequantise_q5_1(const uint8_t* block, float* out) {
  const float scale = half_at(block), least = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    const uint8_t pair = block[8 + i];
    out[i] = scale * static_cast<float>((pair & 15) | fifth_bit(block + 4, i)) + least;
    out[i + 16] = scale * static_cast<float>((pair >> 4) | fifth_bit(block + 4, i + 16)) + least;
  }
}

void dequantise_q8_0(const uint8_t* block, float* out) {
  const float scale = half_at(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
}

// The K-quants: blocks of 256 whose groups of 16 or 32 have small integer scales of their own.

void dequantise_q2_k(const uint8_t* block, float* out) {
  const float scale = half_at(block + 80), least = half_at(block + 82);
  for (int i = 0; i < 256; ++i) {
    const uint8_t group = block[i / 16];
    out[i] = scale * static_cast<float>(group & 15) * static_cast<float>(ggml::q2_k_code(block, i)) -
             least * static_cast<float>(group >> 4);
  }
}

void dequantise_q3_k(const uint8_t* block, float* out) {
  const float scale = half_at(block + 108);
  for (int i = 0; i < 256; ++i) {
    const float group_scale = scale * static_cast<float>(ggml::q3_k_scale(block, i / 16));
    out[i] = group_scale * static_cast<float>(ggml::q3_k_code(block, i));
  }
}

struct ScaleAndLeast {
  float scale, least;
};

ScaleAndLeast k_group(const uint8_t* block, int group) {
  const ggml::GroupScale of = ggml::k_group(block, group);
  return {half_at(block) * static_cast<float>(of.scale), half_at(block + 2) * static_cast<float>(of.least)};
}

void dequantise_q4_k(const uint8_t* block, float* out) {
  for (int group = 0; group < 8; ++group) {
    const ScaleAndLeast of = k_group(block, group);
    for (int i = 0; i < 32; ++i) {
      const int value = block[16 + group / 2 * 32 + i] >> (group % 2 * 4) & 15;
      out[group * 32 + i] = of.scale * static_cast<float>(value) - of.least;
    }
  }
}

void dequantise_q5_k(const uint8_t* block, float* out) {
  for (int group = 0; group < 8; ++group) {
    const ScaleAndLeast of = k_group(block, group);
    for (int i = 0; i < 32; ++i) {
      const int low = block[48 + group / 2 * 32 + i] >> (group % 2 * 4) & 15;
      const int high = block[16 + i] >> group & 1;
      out[group * 32 + i] = of.scale * static_cast<float>(low | high << 4) - of.least;
    }
  }
}

void dequantise_q6_k(const uint8_t* block, float* out) {
  const float scale = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    const float group_scale = scale * static_cast<float>(static_cast<int8_t>(block[192 + i / 16]));
    out[i] = group_scale * static_cast<float>(ggml::q6_k_code(block, i));
  }
}

struct BlockType {
  DType type;
  BlockLayout layout;
  void (*dequantise)(const uint8_t* block, float* out);
};

constexpr BlockType block_types[] = {
    {DType::q4_0, {32, 18}, dequantise_q4_0},   {DType::q4_1, {32, 20}, dequantise_q4_1},
    {DType::q5_0, {32, 22}, dequantise_q5_0},   {DType::q5_1, {32, 24}, dequantise_q5_1},
    {DType::q8_0, {32, 34}, dequantise_q8_0},   {DType::q2_k, {256, 84}, dequantise_q2_k},
    {DType::q3_k, {256, 110}, dequantise_q3_k}, {DType::q4_k, {256, 144}, dequantise_q4_k},
    {DType::q5_k, {256, 176}, dequantise_q5_k}, {DType::q6_k, {256, 210}, dequantise_q6_k},
};

const BlockType* find_block_type(DType type) {
  for (const BlockType& row : block_types) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

}  // namespace

BlockLayout block_layout(DType type) {
  const BlockType* row = find_block_type(type);
  return row ? row->layout : BlockLayout{};
}

bool dequantise_blocks(DType type, const uint8_t* blocks, size_t count, float* out) {
  const BlockType* row = find_block_type(type);
  if (!row) return false;
  for (size_t i = 0; i < count; ++i)
    row->dequantise(blocks + i * row->layout.bytes, out + i * row->layout.values);
  return true;
}

}  // namespace ipa
