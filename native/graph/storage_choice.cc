#include "graph/storage_choice.h"

namespace ipa {
namespace {

// What an op does with an operand in bf16.
enum class Reading : uint8_t { cannot, can, rounds };

Reading reading(const Node& node, size_t input) {
  switch (node.op) {
    case Op::linear:
    case Op::geglu_linear:
    case Op::conv2d: {
      const Compute compute = node.params[0]->compute;
      if (compute == Compute::bf16) return Reading::rounds;
      return compute == Compute::int16 || compute == Compute::int8_weights ? Reading::can : Reading::cannot;
    }
    case Op::group_norm:
    case Op::norm_statistics:
    case Op::norm_apply: return input == 0 ? Reading::can : Reading::cannot;
    case Op::attention:
      return input == 0 && node.kv.compute == Compute::bf16 ? Reading::rounds : Reading::cannot;
    case Op::pack_kv: return node.kv.compute == Compute::bf16 ? Reading::rounds : Reading::cannot;
    default: return Reading::cannot;
  }
}

bool can_write(const Node& node) {
  return has_epilogue(node.op) || node.op == Op::group_norm || node.op == Op::norm_apply ||
         node.op == Op::layer_norm || node.op == Op::attention;
}

}  // namespace

std::vector<Storage> choose_storages(const Graph& graph, const std::vector<Fused>& steps,
                                     const std::vector<Value>& bound) {
  const auto& nodes = graph.nodes();
  struct Readers {
    bool any = false, all_can = true, all_round = true;
  };
  std::vector<Readers> readers(nodes.size());
  auto read = [&](Value value, Reading how) {
    if (!value.valid()) return;
    Readers& of = readers[static_cast<size_t>(storage_root(graph, value).id)];
    of.any = true;
    of.all_can = of.all_can && how != Reading::cannot;
    of.all_round = of.all_round && how == Reading::rounds;
  };
  for (const Fused& step : steps) {
    const Node& node = graph.node(Value{step.node});
    const std::vector<Value> inputs = inputs_of(graph, step);
    for (size_t i = 0; i < inputs.size(); ++i) read(inputs[i], reading(node, i));
    read(step.item_bias, Reading::cannot);
    read(step.residual, Reading::can);
  }
  for (Value value : bound) read(value, Reading::cannot);

  std::vector<Storage> storages;
  for (const Node& node : nodes) storages.push_back(node.storage);
  for (const Fused& step : steps) {
    const Node& node = graph.node(Value{step.node});
    const Readers& of = readers[static_cast<size_t>(step.position)];
    const bool exact = has_epilogue(node.op) && node.params[0]->compute == Compute::f32;
    const bool compact = node.compact && !exact;
    if (can_write(node) && of.any && of.all_can && (of.all_round || compact))
      storages[static_cast<size_t>(step.position)] = Storage::bf16;
  }
  for (const Fused& step : steps) {
    const Node& node = graph.node(Value{step.node});
    if (node.op != Op::pack_kv) continue;
    Storage& keys = storages[static_cast<size_t>(storage_root(graph, node.inputs[0]).id)];
    Storage& values = storages[static_cast<size_t>(storage_root(graph, node.inputs[1]).id)];
    if (keys != values) keys = values = Storage::f32;
  }
  return storages;
}

}  // namespace ipa
