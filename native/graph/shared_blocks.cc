#include "graph/shared_blocks.h"

#include <algorithm>

#include "graph/op_traits.h"

namespace ipa {
namespace {

// All that a step reads; some may be invalid.
std::vector<Value> operands_of(const Graph& graph, const Fused& step) {
  std::vector<Value> operands = inputs_of(graph, step);
  operands.push_back(step.item_bias);
  operands.push_back(step.residual);
  return operands;
}

size_t root_index(const Graph& graph, Value value) {
  return static_cast<size_t>(storage_root(graph, value).id);
}

// A value that is all of the memory it lies in.
bool is_whole(const Graph& graph, Value value) {
  for (; op_traits(graph.node(value).op).kind == OpTraits::Kind::view; value = graph.node(value).inputs[0])
    if (graph.node(value).op != Op::reshape) return false;
  return true;
}

// Operands that a step may write its result over, once nobody reads them any more.
std::vector<Value> replaceable(const Graph& graph, const Fused& step, const std::vector<Storage>& storages) {
  const Node& node = node_of(graph, step);
  std::vector<Value> values;
  switch (op_traits(node.op).replaces) {
    case OpTraits::Replaces::nothing: break;
    case OpTraits::Replaces::inputs: values = node.inputs; break;
    case OpTraits::Replaces::residual:
      if (step.residual.valid()) values = {step.residual};
      break;
  }
  std::vector<Value> fitting;
  for (Value value : values)
    if (graph.shape(value) == graph.shape(step.value()) && is_whole(graph, value) &&
        storages[root_index(graph, value)] == storages[static_cast<size_t>(step.position)])
      fitting.push_back(value);
  return fitting;
}

// Steps between which each value's memory is in use, by the node that owns it:
// both inclusive, -1 where none is.
struct Lifetimes {
  std::vector<int> first, last;
};

Lifetimes find_lifetimes(const Graph& graph, const std::vector<Fused>& steps) {
  Lifetimes lives;
  lives.first.assign(graph.nodes().size(), -1);
  lives.last.assign(graph.nodes().size(), -1);
  for (size_t s = 0; s < steps.size(); ++s) {
    const int step = static_cast<int>(s);
    const auto own = static_cast<size_t>(steps[s].position);
    lives.first[own] = step;
    lives.last[own] = std::max(lives.last[own], step);
    for (Value operand : operands_of(graph, steps[s]))
      if (operand.valid()) lives.last[root_index(graph, operand)] = step;
  }
  return lives;
}

}  // namespace

SharedBlocks share_blocks(const Graph& graph, const std::vector<Fused>& steps,
                          const std::vector<Storage>& storages, const std::function<bool(Value)>& bound,
                          const std::function<int64_t(Value)>& bytes) {
  const Lifetimes lives = find_lifetimes(graph, steps);
  SharedBlocks shared;
  shared.block_of.assign(graph.nodes().size(), -1);
  // The block of an operand that ends with step `s`, to be written over; -1: none.
  auto replaced = [&](size_t s) {
    const std::vector<Value> operands = operands_of(graph, steps[s]);
    for (Value value : replaceable(graph, steps[s], storages)) {
      const size_t root = root_index(graph, value);
      if (shared.block_of[root] < 0 || lives.last[root] != static_cast<int>(s)) continue;
      // What is read otherwise than element by element must not change under the reader.
      const auto reads = std::count_if(operands.begin(), operands.end(), [&](Value operand) {
        return operand.valid() && root_index(graph, operand) == root;
      });
      if (reads == 1) return shared.block_of[root];
    }
    return -1;
  };
  for (size_t s = 0; s < steps.size(); ++s) {
    const Value value = steps[s].value();
    if (bound(value)) continue;
    const auto i = static_cast<size_t>(value.id);
    shared.block_of[i] = replaced(s);
    if (shared.block_of[i] >= 0) {
      shared.blocks[static_cast<size_t>(shared.block_of[i])].last = lives.last[i];
      continue;
    }
    shared.block_of[i] = static_cast<int>(shared.blocks.size());
    shared.blocks.push_back({bytes(value), lives.first[i], lives.last[i], 0});
  }
  return shared;
}

}  // namespace ipa
