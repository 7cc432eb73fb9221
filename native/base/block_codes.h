// Numbers kept as small integers that share scales, as the quantised types of weight files have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ipa {

// number = outer scale * inner scale * code + outer offset * inner offset
// in f32, where all products are exact, so that the sum alone rounds. The outer ones are shared by `outer` numbers that
// follow one another, the inner ones by `inner`; both counts are powers of two.
struct BlockFormat {
  int bits = 0;              // of a code: 4, 5, 6 or 8; 0: the numbers are not kept so
  int least = 0;             // the smallest code
  int outer = 0, inner = 0;  // 0 inner ones: there are none, and they count as 1
  bool offsets = false;

  explicit operator bool() const { return bits > 0; }
  // How many bytes codes and scales take of `count` numbers, which are whole groups.
  int64_t bytes(int64_t count) const;
};

bool operator==(const BlockFormat& a, const BlockFormat& b);
// One that holds the numbers of both exactly; none where one is none.
BlockFormat common_format(const BlockFormat& a, const BlockFormat& b);
// The same numbers in rows of `width`, none of whose groups reaches into the next row.
BlockFormat within_rows(BlockFormat format, int64_t width);

// The numbers of a tensor, in order.
struct BlockCodes {
  // A scale and an offset. Where a format has no offsets these are 0.
  struct Outer {
    uint16_t scale, offset;  // binary16
  };
  struct Inner {
    int8_t scale, offset;
  };

  BlockFormat format;
  std::vector<int8_t> codes;  // one a number, from `least` on
  std::vector<Outer> outer;
  std::vector<Inner> inner;

  // Makes room for `count` numbers.
  void resize(const BlockFormat& of, size_t count);
  Outer outer_of(size_t index) const { return outer[index / static_cast<size_t>(format.outer)]; }
  Inner inner_of(size_t index) const;
  float number(size_t index) const;
};

}  // namespace ipa
