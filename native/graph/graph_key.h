// What two graphs have in common that compute the same of different inputs.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace ipa {

// A fingerprint of 128 bits of ops, shapes, settings and the addresses of the weights.
struct GraphKey {
  uint64_t high = 0, low = 0;
  bool operator==(const GraphKey& other) const { return high == other.high && low == other.low; }
  bool operator!=(const GraphKey& other) const { return !(*this == other); }
  bool operator<(const GraphKey& other) const {
    return high != other.high ? high < other.high : low < other.low;
  }
};

// Valid as long as no weight is freed.
GraphKey graph_key(const Graph& graph);

}  // namespace ipa
