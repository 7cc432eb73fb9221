#include "cpu/launch/copies.h"

#include <algorithm>
#include <cstring>

namespace ipa {
namespace {

int64_t source_row(const CopyArgs& g, int64_t row) {
  switch (g.kind) {
    case CopyArgs::Kind::same: return row;
    case CopyArgs::Kind::repeat: return row % g.period;
    case CopyArgs::Kind::gather: return std::clamp<int64_t>(g.ids[row], 0, g.from_rows - 1);
    case CopyArgs::Kind::tokens: return row;
    case CopyArgs::Kind::enlarge: {
      const int64_t x = row % g.out_w, y = row / g.out_w % g.out_h, item = row / g.out_w / g.out_h;
      return (item * g.in_h + g.map_h[y]) * g.in_w + g.map_w[x];
    }
  }
  return row;
}

}  // namespace

void copy_rows(const CopyArgs& g, int64_t task, float*) {
  const int64_t first = task * g.block_rows, last = std::min(g.rows, first + g.block_rows);
  for (int64_t row = first; row < last; ++row) {
    const int64_t target = g.kind == CopyArgs::Kind::tokens
                               ? row / g.in_tokens * g.out_tokens + g.offset + row % g.in_tokens
                               : row;
    float* to = g.to + target * g.to_stride;
    const int64_t from = source_row(g, row) * g.from_stride;
    if (g.halves)
      g.widen(g.halves + from, g.channels, to);
    else
      std::memcpy(to, g.from + from, static_cast<size_t>(g.channels) * sizeof(float));
  }
}

}  // namespace ipa
