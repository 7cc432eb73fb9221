// Computes every value of a recorded graph op by op in f64: what any plan of it, however fused, has to come to.
#pragma once

#include <map>
#include <vector>

#include "check/reference.h"
#include "graph/graph.h"

namespace ipa_ref {

// What the caller bound to a graph's inputs, by value id.
struct Inputs {
  std::map<int32_t, std::vector<float>> floats;
  std::map<int32_t, std::vector<int32_t>> ids;
};
// A parameter's tensors as the checkpoint stores them, one after the other.
using ParamValues = std::map<const ipa::Param*, std::vector<float>>;

// Parameters marked int8 are rounded to 8 bits with a scale an output channel,
// what they are multiplied with to 8 bits with a scale per row: largest magnitude / 127, to nearest even.
//
// One tensor a node, in order of recording; empty for nodes that hold no floats (ids, packed keys and values).
std::vector<Tensor> evaluate(const ipa::Graph& graph, const Inputs& inputs, const ParamValues& params);

}  // namespace ipa_ref
