// Which nodes of a graph become steps of a plan, and what each step absorbs.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace ipa {

struct Fused {
  int32_t node;      // whose op the step runs
  int32_t position;  // node whose value the step produces
  Activation activation = Activation::none;
  Value item_bias, residual;
  Value conv_source;  // behind an absorbed upsample

  Value value() const { return Value{position}; }
};

// In the order in which they run.
std::vector<Fused> fuse(const Graph& graph);
// The node whose op a step runs.
const Node& node_of(const Graph& graph, const Fused& fused);
// What the op of a step reads: its node's inputs, behind an absorbed upsample.
std::vector<Value> inputs_of(const Graph& graph, const Fused& fused);
// The value whose memory a view looks into.
Value storage_root(const Graph& graph, Value value);

}  // namespace ipa
