#include "base/block_codes.h"

#include <algorithm>
#include <numeric>

#include "base/float16.h"

namespace ipa {
namespace {

int bits_for(int codes) { return codes <= 16 ? 4 : codes <= 32 ? 5 : codes <= 64 ? 6 : 8; }

}  // namespace

int64_t BlockFormat::bytes(int64_t count) const {
  const int64_t each = offsets ? 2 : 1;
  const int64_t scales = outer > 0 ? count / outer * each * 2 : 0;
  return count * bits / 8 + scales + (inner > 0 ? count / inner * each : 0);
}

bool operator==(const BlockFormat& a, const BlockFormat& b) {
  return a.bits == b.bits && a.least == b.least && a.outer == b.outer && a.inner == b.inner &&
         a.offsets == b.offsets;
}

BlockFormat common_format(const BlockFormat& a, const BlockFormat& b) {
  if (!a || !b) return {};
  BlockFormat both;
  both.least = std::min(a.least, b.least);
  const int end = std::max(a.least + (1 << a.bits), b.least + (1 << b.bits));
  both.bits = bits_for(end - both.least);
  both.outer = std::min(a.outer, b.outer);
  both.inner = a.inner && b.inner ? std::min(a.inner, b.inner) : std::max(a.inner, b.inner);
  both.offsets = a.offsets || b.offsets;
  return both;
}

BlockFormat within_rows(BlockFormat format, int64_t width) {
  format.outer = static_cast<int>(std::gcd(width, int64_t{format.outer}));
  format.inner = static_cast<int>(std::gcd(width, int64_t{format.inner}) * (format.inner > 0));
  return format;
}

void BlockCodes::resize(const BlockFormat& of, size_t count) {
  format = of;
  codes.resize(count);
  outer.resize(count / static_cast<size_t>(of.outer));
  inner.resize(of.inner > 0 ? count / static_cast<size_t>(of.inner) : 0);
}

BlockCodes::Inner BlockCodes::inner_of(size_t index) const {
  return format.inner > 0 ? inner[index / static_cast<size_t>(format.inner)] : Inner{1, 1};
}

float BlockCodes::number(size_t index) const {
  const Outer of = outer_of(index);
  const Inner within = inner_of(index);
  const float scale = f16_to_f32(of.scale) * static_cast<float>(within.scale);
  const float offset = f16_to_f32(of.offset) * static_cast<float>(within.offset);
  return scale * static_cast<float>(codes[index]) + offset;
}

}  // namespace ipa
