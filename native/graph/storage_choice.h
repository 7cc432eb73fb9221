// Which values of a graph are kept in bf16.
#pragma once

#include <vector>

#include "graph/fuser.h"

namespace ipa {

// Of every node. bf16 where all that read a value round it to bf16 anyway, or where the graph allows it
// (compact) and what reads it can; a backend's ops read and write bf16 in these cases only:
// - written by products, norms and attention;
// - read by products in bf16, int16 and int8_weights, also as their residual; by group norms; and by attention
// and
//   pack_kv in bf16 (keys and values alike).
// Bound values stay as the caller knows them.
std::vector<Storage> choose_storages(const Graph& graph, const std::vector<Fused>& steps,
                                     const std::vector<Value>& bound);

constexpr int64_t element_bytes(Storage storage) { return storage == Storage::bf16 ? 2 : 4; }

}  // namespace ipa
