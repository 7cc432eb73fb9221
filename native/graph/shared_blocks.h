// Which values share a block of the arena, because one ends where the other begins.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "graph/arena.h"
#include "graph/fuser.h"

namespace ipa {

struct SharedBlocks {
  std::vector<ArenaBlock> blocks;
  std::vector<int> block_of;  // of every node: the block its value is in, -1 for none
};

// One block per value. A step's result goes over an operand that nobody reads afterwards, where the op allows it
// (OpTraits::replaces). `bound`: a value is in the caller's memory.
SharedBlocks share_blocks(const Graph& graph, const std::vector<Fused>& steps,
                          const std::vector<Storage>& storages, const std::function<bool(Value)>& bound,
                          const std::function<int64_t(Value)>& bytes);

}  // namespace ipa
