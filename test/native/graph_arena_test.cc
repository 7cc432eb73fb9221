// place_blocks: blocks that live at the same time never share a byte,
// and the arena is as small as it should be.
#include <algorithm>

#include "graph/arena.h"
#include "harness.h"
#include "random.h"

namespace {

using ipa::ArenaBlock;
using ipa_test::Random;

int64_t rounded(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

TEST_ONCE(graph_arena_never_overlaps_live_blocks) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const int64_t count = random.between(1, 70), steps = random.between(1, 50),
                  largest = seed % 3 == 0 ? 100 : 100000;
    std::vector<ArenaBlock> blocks;
    for (int64_t i = 0; i < count; ++i) {
      const auto first = static_cast<int>(random.below(steps));
      const auto last =
          static_cast<int>(std::min<int64_t>(steps - 1, first + random.below(seed % 2 ? 4 : steps)));
      blocks.push_back({random.below(8) == 0 ? 0 : random.between(1, largest), first, last, -1});
    }
    const std::vector<ArenaBlock> asked = blocks;
    const int64_t alignment = seed % 5 ? 64 : 256;
    const int64_t total = ipa::place_blocks(blocks, alignment);

    int64_t sum = 0, end = 0, most_alive = 0;
    for (int64_t step = 0; step < steps; ++step) {
      int64_t alive = 0;
      for (const ArenaBlock& block : asked)
        if (block.first <= step && step <= block.last) alive += rounded(block.bytes, alignment);
      most_alive = std::max(most_alive, alive);
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      CHECK_EQ(blocks[i].first, asked[i].first);
      CHECK_EQ(blocks[i].last, asked[i].last);
      CHECK(blocks[i].offset >= 0 && blocks[i].offset % alignment == 0);
      sum += rounded(asked[i].bytes, alignment);
      end = std::max(end, blocks[i].offset + asked[i].bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = asked[i].first <= asked[j].last && asked[j].first <= asked[i].last;
        const bool apart = blocks[i].offset + asked[i].bytes <= blocks[j].offset ||
                           blocks[j].offset + asked[j].bytes <= blocks[i].offset;
        CHECK(!together || apart || asked[i].bytes == 0 || asked[j].bytes == 0);
      }
    }
    CHECK(end <= total);
    CHECK(total <= sum);
    CHECK(total >= most_alive);
  }
}

TEST_ONCE(graph_arena_reuses_memory) {
  // A chain in which every block lives for two steps needs two places.
  std::vector<ArenaBlock> chain;
  for (int i = 0; i < 100; ++i) chain.push_back({1000, i, i + 1, 0});
  CHECK_EQ(ipa::place_blocks(chain, 64), 2 * 1024);
  // Nothing can share: the sum.
  std::vector<ArenaBlock> together(10, ArenaBlock{64, 0, 5, 0});
  CHECK_EQ(ipa::place_blocks(together, 64), 640);
  // The best gap is taken: 64 bytes fit between the long-lived blocks once the 128 bytes there are done.
  std::vector<ArenaBlock> gap = {{256, 0, 9, 0}, {192, 0, 3, 0}, {128, 0, 9, 0}, {64, 4, 9, 0}};
  CHECK_EQ(ipa::place_blocks(gap, 64), 576);
  std::vector<ArenaBlock> nothing;
  CHECK_EQ(ipa::place_blocks(nothing, 64), 0);
}

}  // namespace
