#include "graph/arena.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace ipa {

int64_t place_blocks(std::vector<ArenaBlock>& blocks, int64_t alignment) {
  for (ArenaBlock& block : blocks) block.bytes = (block.bytes + alignment - 1) / alignment * alignment;
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  int64_t total = 0;
  std::vector<const ArenaBlock*> neighbours;  // placed blocks alive at the same time, by offset
  std::vector<size_t> placed;
  for (size_t index : order) {
    ArenaBlock& block = blocks[index];
    neighbours.clear();
    for (size_t other : placed)
      if (blocks[other].first <= block.last && block.first <= blocks[other].last)
        neighbours.push_back(&blocks[other]);
    std::sort(neighbours.begin(), neighbours.end(),
              [](const ArenaBlock* a, const ArenaBlock* b) { return a->offset < b->offset; });
    int64_t best = -1, best_gap = std::numeric_limits<int64_t>::max(), end = 0;
    for (const ArenaBlock* neighbour : neighbours) {
      const int64_t gap = neighbour->offset - end;
      if (gap >= block.bytes && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
      end = std::max(end, neighbour->offset + neighbour->bytes);
    }
    block.offset = best >= 0 ? best : end;
    total = std::max(total, block.offset + block.bytes);
    placed.push_back(index);
  }
  return total;
}

}  // namespace ipa
