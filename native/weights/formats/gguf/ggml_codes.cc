#include "weights/formats/gguf/ggml_codes.h"

#include "weights/formats/gguf/ggml_bits.h"
#include "weights/formats/gguf/ggml_blocks.h"

namespace ipa {
namespace {

using Outer = BlockCodes::Outer;
using Inner = BlockCodes::Inner;
using ggml::half_bits;

// Of blocks of 32: low halves of the bytes are the first 16 values, high halves the others.
int nibble(const uint8_t* pairs, int i) { return i < 16 ? pairs[i] & 15 : pairs[i - 16] >> 4; }

Inner inner(int scale, int offset = 0) { return {static_cast<int8_t>(scale), static_cast<int8_t>(offset)}; }

struct SplitType {
  DType type;
  BlockFormat format;  // bits, least, outer, inner, offsets
  Outer (*outer)(const uint8_t* block);
  int (*code)(const uint8_t* block, int i);
  Inner (*inner)(const uint8_t* block, int group);
};

Outer scale_first(const uint8_t* block) { return {half_bits(block), 0}; }
Outer both_first(const uint8_t* block) { return {half_bits(block), half_bits(block + 2)}; }
// A minimum is taken away.
Inner k_inner(const uint8_t* block, int group) {
  const ggml::GroupScale of = ggml::k_group(block, group);
  return inner(of.scale, -of.least);
}

constexpr SplitType split_types[] = {
    {DType::q4_0,
     {4, -8, 32, 0, false},
     scale_first,
     [](const uint8_t* block, int i) { return nibble(block + 2, i) - 8; },
     nullptr},
    {DType::q4_1,
     {4, 0, 32, 0, true},
     both_first,
     [](const uint8_t* block, int i) { return nibble(block + 4, i); },
     nullptr},
    {DType::q5_0,
     {5, -16, 32, 0, false},
     scale_first,
     [](const uint8_t* block, int i) { return (nibble(block + 6, i) | ggml::fifth_bit(block + 2, i)) - 16; },
     nullptr},
    {DType::q5_1,
     {5, 0, 32, 0, true},
     both_first,
     [](const uint8_t* block, int i) { return nibble(block + 8, i) | ggml::fifth_bit(block + 4, i); },
     nullptr},
    {DType::q8_0,
     {8, -128, 32, 0, false},
     scale_first,
     [](const uint8_t* block, int i) { return int{static_cast<int8_t>(block[2 + i])}; },
     nullptr},
    {DType::q2_k,
     {4, 0, 256, 16, true},
     [](const uint8_t* block) { return Outer{half_bits(block + 80), half_bits(block + 82)}; },
     ggml::q2_k_code,
     [](const uint8_t* block, int group) { return inner(block[group] & 15, -(block[group] >> 4)); }},
    {DType::q3_k,
     {4, -4, 256, 16, false},
     [](const uint8_t* block) { return Outer{half_bits(block + 108), 0}; },
     ggml::q3_k_code,
     [](const uint8_t* block, int group) { return inner(ggml::q3_k_scale(block, group)); }},
    {DType::q4_k, {4, 0, 256, 32, true}, both_first, ggml::q4_k_code, k_inner},
    {DType::q5_k, {5, 0, 256, 32, true}, both_first, ggml::q5_k_code, k_inner},
    {DType::q6_k,
     {6, -32, 256, 16, false},
     [](const uint8_t* block) { return Outer{half_bits(block + 208), 0}; },
     ggml::q6_k_code,
     [](const uint8_t* block, int group) { return inner(static_cast<int8_t>(block[192 + group])); }},
};

const SplitType* find_split_type(DType type) {
  for (const SplitType& row : split_types) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

}  // namespace

BlockFormat block_format(DType type) {
  const SplitType* row = find_split_type(type);
  return row ? row->format : BlockFormat{};
}

bool split_blocks(DType type, const uint8_t* blocks, size_t count, BlockCodes& out) {
  const SplitType* row = find_split_type(type);
  if (!row) return false;
  const BlockLayout layout = block_layout(type);
  out.resize(row->format, count * layout.values);
  const size_t groups = row->inner ? layout.values / static_cast<size_t>(row->format.inner) : 0;
  for (size_t b = 0; b < count; ++b) {
    const uint8_t* block = blocks + b * layout.bytes;
    out.outer[b] = row->outer(block);
    for (size_t g = 0; g < groups; ++g) out.inner[b * groups + g] = row->inner(block, static_cast<int>(g));
    int8_t* codes = out.codes.data() + b * layout.values;
    for (size_t i = 0; i < layout.values; ++i)
      codes[i] = static_cast<int8_t>(row->code(block, static_cast<int>(i)));
  }
  return true;
}

}  // namespace ipa
