#include "cuda/backend/packed_blocks.h"

#include <cstring>

namespace ipa::gpu {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + 15) / 16 * 16; }

int32_t log2_of(int count) {
  int32_t shift = 0;
  while (1 << shift < count) ++shift;
  return shift;
}

}  // namespace

PackedBlocks::PackedBlocks(const BlockFormat& of, int64_t packed_rows, int64_t row_depth)
    : format(within_rows(of, row_depth)), rows(packed_rows), depth(row_depth) {
  const int64_t count = rows * depth, each = format.offsets ? 2 : 1;
  high_bits = format.bits == 8 ? 0 : format.bits - 4;
  high = aligned(format.bits == 8 ? count : count / 2);
  outer = aligned(high + count / 8 * high_bits);
  inner = aligned(outer + count / format.outer * each * static_cast<int64_t>(sizeof(uint16_t)));
  bytes = format.inner > 0 ? inner + count / format.inner * each : inner;
}

BlockScales PackedBlocks::scales(const uint8_t* packed) const {
  BlockScales of;
  if (high_bits > 0) of.high = packed + high;
  of.outer = packed + outer;
  if (format.inner > 0) of.inner = packed + inner;
  of.high_bits = high_bits;
  of.least = format.least;
  of.outer_shift = log2_of(format.outer);
  of.inner_shift = log2_of(format.inner);
  of.offsets = format.offsets;
  return of;
}

void PackedBlocks::pack_codes(const BlockCodes& from, int64_t first, int64_t row, uint8_t* out) const {
  const int8_t* codes = from.codes.data() + first;
  const auto code = [&](int64_t k) { return static_cast<unsigned>(codes[k] - format.least); };
  if (format.bits == 8) {
    for (int64_t k = 0; k < depth; ++k) out[row * depth + k] = static_cast<uint8_t>(code(k));
    return;
  }
  for (int64_t k = 0; k < depth; k += 2)
    out[(row * depth + k) / 2] = static_cast<uint8_t>((code(k) & 15) | (code(k + 1) & 15) << 4);
  for (int64_t k = 0; high_bits > 0 && k < depth; k += 8) {
    unsigned upper = 0;
    for (int i = 0; i < 8; ++i) upper |= code(k + i) >> 4 << (i * high_bits);
    uint8_t* to = out + high + (row * depth + k) / 8 * high_bits;
    for (int i = 0; i < high_bits; ++i) to[i] = static_cast<uint8_t>(upper >> (8 * i));
  }
}

void PackedBlocks::pack_scales(const BlockCodes& from, int64_t first, int64_t row, uint8_t* out) const {
  const int64_t each = format.offsets ? 2 : 1;
  uint8_t* to = out + outer + row * depth / format.outer * each * static_cast<int64_t>(sizeof(uint16_t));
  for (int64_t k = 0; k < depth; k += format.outer) {
    const BlockCodes::Outer of = from.outer_of(static_cast<size_t>(first + k));
    const uint16_t both[] = {of.scale, of.offset};
    std::memcpy(to, both, static_cast<size_t>(each) * sizeof(uint16_t));
    to += each * static_cast<int64_t>(sizeof(uint16_t));
  }
  if (format.inner == 0) return;
  to = out + inner + row * depth / format.inner * each;
  for (int64_t k = 0; k < depth; k += format.inner) {
    const BlockCodes::Inner of = from.inner_of(static_cast<size_t>(first + k));
    *to++ = static_cast<uint8_t>(of.scale);
    if (format.offsets) *to++ = static_cast<uint8_t>(of.offset);
  }
}

void PackedBlocks::pack(const std::vector<const BlockCodes*>& tensors, int64_t tensor_rows,
                        const std::function<int64_t(int64_t)>& stored_row, uint8_t* out) const {
  std::memset(out, 0, static_cast<size_t>(bytes));
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t stored = stored_row(row);
    if (stored < 0) continue;
    const BlockCodes& from = *tensors[static_cast<size_t>(stored / tensor_rows)];
    const int64_t first = stored % tensor_rows * depth;
    pack_codes(from, first, row, out);
    pack_scales(from, first, row, out);
  }
}

}  // namespace ipa::gpu
