// Packs blocks with known lifetimes into as little memory as a greedy best fit gets (largest block first).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ipa {

struct ArenaBlock {
  int64_t bytes = 0;
  int first = 0, last = 0;  // steps at which the block is written first and read last, both inclusive
  int64_t offset = 0;       // result
};

// Fills in the offsets, multiples of `alignment`, and returns the bytes needed.
int64_t place_blocks(std::vector<ArenaBlock>& blocks, int64_t alignment);

}  // namespace ipa
