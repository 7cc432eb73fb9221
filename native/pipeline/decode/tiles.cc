#include "pipeline/decode/tiles.h"

#include <algorithm>

namespace ipa {

std::vector<Tile> place_tiles(int64_t side, int64_t window, int64_t halo) {
  if (window >= side) return {{0, 0, side}};
  halo = std::min(halo, window / 4);
  const int64_t stride = window - 2 * halo;
  const int64_t count = (side - window + stride - 1) / stride + 1;
  std::vector<Tile> tiles(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) tiles[static_cast<size_t>(i)].window = i * (side - window) / (count - 1);
  // Neighbours meet in the middle of what both see.
  for (size_t i = 1; i < tiles.size(); ++i)
    tiles[i - 1].last = tiles[i].first = (tiles[i].window + tiles[i - 1].window + window) / 2;
  tiles.back().last = side;
  return tiles;
}

}  // namespace ipa
