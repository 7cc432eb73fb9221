// Where the tiles along one side of a picture lie:
// windows of one size that overlap, and the part of each that is kept.
#pragma once

#include <cstdint>
#include <vector>

namespace ipa {

struct Tile {
  int64_t window = 0;           // where its window begins
  int64_t first = 0, last = 0;  // what is kept of it, the end not included
};

// `window` is at most `side`. What is kept lies at least `halo` within the window,
// except at the picture's own edges, and covers every place once.
// A halo that leaves less than half of the window is shortened to a quarter.
// `wrap`: the ends of the side meet, so that there are no edges: windows may begin before 0 or end after `side`.
std::vector<Tile> place_tiles(int64_t side, int64_t window, int64_t halo, bool wrap);

}  // namespace ipa
