// Weights that stay as codes and scales on a GPU, as quantised files have them (base/block_codes.h).
#pragma once

#include <cstdint>
#include <functional>

#include "base/block_codes.h"
#include "cuda/api/kernel_args.h"
#include "graph/params.h"

namespace ipa::gpu {

// (rows, depth) codes, then the upper bits of those that have more than 4 but not 8, then the outer scales, then the inner
// ones. What each of them is made of, and in which order, see BlockScales.
struct PackedBlocks {
  PackedBlocks() = default;
  // `depth`: a multiple of eight.
  PackedBlocks(const BlockFormat& of, int64_t rows, int64_t depth);

  Element element() const { return format.bits == 8 ? Element::codes8 : Element::codes4; }
  BlockScales scales(const uint8_t* packed) const;
  // `tensors`: of `tensor_rows` each. `stored_row`: the row of all of them that becomes the packed one; -1: zeros.
  void pack(const std::vector<const BlockCodes*>& tensors, int64_t tensor_rows,
            const std::function<int64_t(int64_t)>& stored_row, uint8_t* out) const;

  BlockFormat format;  // no group reaches into the next row
  int64_t rows = 0, depth = 0;
  int32_t high_bits = 0;
  int64_t high = 0, outer = 0, inner = 0;  // bytes before them
  int64_t bytes = 0;

 private:
  void pack_codes(const BlockCodes& from, int64_t first, int64_t row, uint8_t* out) const;
  void pack_scales(const BlockCodes& from, int64_t first, int64_t row, uint8_t* out) const;
};

}  // namespace ipa::gpu
