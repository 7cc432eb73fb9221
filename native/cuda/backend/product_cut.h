// How a product is cut: into tiles, and its sums into parts where there are few tiles.
#pragma once

#include "cuda/api/kernel_args.h"
#include "cuda/backend/packed_weights.h"
#include "graph/plan.h"

namespace ipa::gpu {

// Of the rows of one item, the columns and the depth alone: an item has the same bits in every batch.
struct ProductCut {
  explicit ProductCut(const Step& step);

  Tile tile = Tile::small;
  int32_t splits = 1, depth_each = 0;
  int64_t partial_bytes = 0;  // of all items
};

}  // namespace ipa::gpu
