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
};

// In the order in which they run.
std::vector<Fused> fuse(const Graph& graph);
// What the op of a step reads: its node's inputs, behind an absorbed upsample.
std::vector<Value> inputs_of(const Graph& graph, const Fused& fused);

bool is_view(Op op);
bool has_epilogue(Op op);
// The value whose memory a view looks into.
Value storage_root(const Graph& graph, Value value);

}  // namespace ipa
