#include "cuda/backend/product_cut.h"

#include <algorithm>

namespace ipa::gpu {
namespace {

// Blocks that keep a GPU busy: an item of a guided step is one of two.
constexpr int64_t enough_blocks = 64;
constexpr int64_t most_splits = 16, least_depth = 256, depth_step = 32;

int64_t cut(int64_t size, int64_t by) { return (size + by - 1) / by; }

struct TileSize {
  Tile tile;
  int64_t rows, columns;
};
constexpr TileSize tiles[] = {{Tile::large, 128, 128}, {Tile::tall, 128, 64}, {Tile::small, 64, 64}};

}  // namespace

ProductCut::ProductCut(const Step& step) {
  const PackedWeights weights(*step.node->params[0]);
  const int64_t rows = step.out_shape.rows_per_item(), depth = weights.taps * weights.padded_channels;
  if (weights.element == Element::f32) {
    depth_each = static_cast<int32_t>(depth);
    return;
  }
  int64_t blocks = 0;
  for (const TileSize& size : tiles) {
    tile = size.tile;
    blocks = cut(rows, size.rows) * cut(weights.rows, size.columns);
    if (blocks >= enough_blocks) break;
  }
  const int64_t wanted = blocks < enough_blocks ? cut(enough_blocks, blocks) : 1;
  const int64_t parts = std::clamp<int64_t>(std::min(wanted, depth / least_depth), 1, most_splits);
  depth_each = static_cast<int32_t>(cut(cut(depth, parts), depth_step) * depth_step);
  splits = static_cast<int32_t>(cut(depth, depth_each));
  if (splits > 1)
    partial_bytes = splits * step.out_shape.rows() * weights.rows * static_cast<int64_t>(sizeof(float));
}

}  // namespace ipa::gpu
