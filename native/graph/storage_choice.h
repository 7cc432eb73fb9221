// Which values of a graph are kept in 16 bits.
#pragma once

#include <vector>

#include "graph/fuser.h"

namespace ipa {

// Of every node. Where the parameters say what activations are kept in (ParamSet::activations), all but bound values
// and statistics are. Else bf16 where all that read a value round it to bf16 anyway,
// or where the graph allows it (compact) and what reads it can.
// A backend's ops read and write bf16 where their traits say so, products also as their residual,
// and nowhere else; products in int8 and f32 read none. Bound values stay as the caller knows them.
std::vector<Storage> choose_storages(const Graph& graph, const std::vector<Fused>& steps,
                                     const std::vector<Value>& bound);

constexpr int64_t element_bytes(Storage storage) {
  return storage == Storage::bf16 || storage == Storage::f16 ? 2 : 4;
}

}  // namespace ipa
