#include "graph/storage_choice.h"

#include "graph/op_traits.h"

namespace ipa {
namespace {

// What an op does with an operand in bf16.
enum class Reading : uint8_t { cannot, can, rounds };

Reading reading(const Node& node, size_t input) {
  const bool first = input == 0;
  const Reading as_keys = node.kv.compute == Compute::bf16 ? Reading::rounds : Reading::cannot;
  switch (op_traits(node.op).reads_bf16) {
    case OpTraits::ReadsBf16::none: break;
    case OpTraits::ReadsBf16::first: return first ? Reading::can : Reading::cannot;
    case OpTraits::ReadsBf16::like_weights: {
      const Compute compute = node.params[0]->compute;
      if (compute == Compute::bf16) return Reading::rounds;
      return compute == Compute::int16 || compute == Compute::int8_weights ? Reading::can : Reading::cannot;
    }
    case OpTraits::ReadsBf16::like_keys: return as_keys;
    case OpTraits::ReadsBf16::query_like_keys: return first ? as_keys : Reading::cannot;
  }
  return Reading::cannot;
}

struct Readers {
  bool any = false, all_can = true, all_round = true;
};

// Of the memory of every node.
std::vector<Readers> find_readers(const Graph& graph, const std::vector<Fused>& steps,
                                  const std::vector<Value>& bound) {
  std::vector<Readers> readers(graph.nodes().size());
  auto read = [&](Value value, Reading how) {
    if (!value.valid()) return;
    Readers& of = readers[static_cast<size_t>(storage_root(graph, value).id)];
    of.any = true;
    of.all_can = of.all_can && how != Reading::cannot;
    of.all_round = of.all_round && how == Reading::rounds;
  };
  for (const Fused& step : steps) {
    const Node& node = node_of(graph, step);
    const std::vector<Value> inputs = inputs_of(graph, step);
    for (size_t i = 0; i < inputs.size(); ++i) read(inputs[i], reading(node, i));
    read(step.item_bias, Reading::cannot);
    read(step.residual, Reading::can);
  }
  for (Value value : bound) read(value, Reading::cannot);
  return readers;
}

bool keeps_bf16(const Node& node, const Readers& readers) {
  const OpTraits& traits = op_traits(node.op);
  const bool exact = traits.product && node.params[0]->compute == Compute::f32;
  const bool compact = node.compact && !exact;
  return traits.writes_bf16 && readers.any && readers.all_can && (readers.all_round || compact);
}

// All that steps compute, but what callers know and what is not rounded: statistics, and maps.
void keep_activations(const Graph& graph, const std::vector<Fused>& steps, const std::vector<Value>& bound,
                      std::vector<Storage>& storages) {
  std::vector<bool> stays(storages.size(), false);
  for (Value value : bound) stays[static_cast<size_t>(value.id)] = true;
  for (const Fused& step : steps) {
    const auto i = static_cast<size_t>(step.position);
    const Op op = node_of(graph, step).op;
    if (stays[i] || storages[i] != Storage::f32) continue;
    if (op != Op::norm_statistics && op != Op::attention_map) storages[i] = graph.params()->activations;
  }
}

}  // namespace

std::vector<Storage> choose_storages(const Graph& graph, const std::vector<Fused>& steps,
                                     const std::vector<Value>& bound) {
  std::vector<Storage> storages;
  for (const Node& node : graph.nodes()) storages.push_back(node.storage);
  if (graph.params()->activations != Storage::f32) {
    keep_activations(graph, steps, bound, storages);
    return storages;
  }
  const std::vector<Readers> readers = find_readers(graph, steps, bound);
  for (const Fused& step : steps)
    if (keeps_bf16(node_of(graph, step), readers[static_cast<size_t>(step.position)]))
      storages[static_cast<size_t>(step.position)] = Storage::bf16;
  // Keys and values alike.
  for (const Fused& step : steps) {
    const Node& node = node_of(graph, step);
    if (node.op != Op::pack_kv) continue;
    Storage& keys = storages[static_cast<size_t>(storage_root(graph, node.inputs[0]).id)];
    Storage& values = storages[static_cast<size_t>(storage_root(graph, node.inputs[1]).id)];
    if (keys != values) keys = values = Storage::f32;
  }
  return storages;
}

}  // namespace ipa
