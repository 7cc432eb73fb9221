// Sizes of an activation. Everything is channels-last: pictures are (n, h, w, c),
// token sequences (n, 1, tokens, c), vectors (n, 1, 1, c). A "row" is one pixel or token: c consecutive floats.
#pragma once

#include <cstdint>
#include <string>

namespace ipa {

struct Shape {
  int64_t n = 1, h = 1, w = 1, c = 1;

  int64_t rows() const { return n * h * w; }
  int64_t rows_per_item() const { return h * w; }
  int64_t elements() const { return rows() * c; }
  Shape with_channels(int64_t channels) const { return {n, h, w, channels}; }
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
  }
};

inline Shape tokens_shape(int64_t n, int64_t tokens, int64_t c) { return {n, 1, tokens, c}; }

}  // namespace ipa
