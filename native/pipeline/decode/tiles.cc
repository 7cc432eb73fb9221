#include "pipeline/decode/tiles.h"

#include <algorithm>

namespace ipa {
namespace {

// Each in the middle of its window.
std::vector<Tile> place_around(int64_t side, int64_t window, int64_t kept) {
  const int64_t count = (side + kept - 1) / kept;
  std::vector<Tile> tiles;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * side / count, last = (i + 1) * side / count;
    tiles.push_back({first - (window - (last - first)) / 2, first, last});
  }
  return tiles;
}

}  // namespace

std::vector<Tile> place_tiles(int64_t side, int64_t window, int64_t halo, bool wrap) {
  if (window >= side) return {{0, 0, side}};
  halo = std::min(halo, window / 4);
  const int64_t stride = window - 2 * halo;
  if (wrap) return place_around(side, window, stride);
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
