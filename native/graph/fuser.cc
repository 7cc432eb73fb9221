#include "graph/fuser.h"

#include <algorithm>

#include "graph/op_traits.h"

namespace ipa {
namespace {

// Decides which nodes become steps and what each step absorbs.
class Fuser {
 public:
  explicit Fuser(const Graph& graph)
      : graph_(graph), uses_(graph.nodes().size(), 0), consumer_(graph.nodes().size(), -1) {
    const auto& nodes = graph.nodes();
    for (size_t i = 0; i < nodes.size(); ++i)
      for (Value input : nodes[i].inputs) {
        ++uses_[static_cast<size_t>(input.id)];
        consumer_[static_cast<size_t>(input.id)] = static_cast<int32_t>(i);
      }
    for (Value output : graph.outputs()) uses_[static_cast<size_t>(output.id)] += 2;  // never absorbed
    absorbed_.assign(nodes.size(), false);
  }

  std::vector<Fused> run() {
    const auto& nodes = graph_.nodes();
    std::vector<Fused> result;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const OpTraits& traits = op_traits(nodes[i].op);
      if (absorbed_[i] || traits.kind != OpTraits::Kind::step) continue;
      if (upsample_is_absorbed(Value{static_cast<int32_t>(i)})) continue;  // its consumer reads its source
      Fused fused;
      fused.node = fused.position = static_cast<int32_t>(i);
      if (traits.absorbs.upsample && upsample_is_absorbed(nodes[i].inputs[0]))
        fused.conv_source = graph_.node(nodes[i].inputs[0]).inputs[0];
      while (absorb_next(fused)) {
      }
      result.push_back(fused);
    }
    // A step stands where its last absorbed node stood: everything it reads exists by then.
    std::stable_sort(result.begin(), result.end(),
                     [](const Fused& a, const Fused& b) { return a.position < b.position; });
    return result;
  }

 private:
  bool used_once(Value value) const { return uses_[static_cast<size_t>(value.id)] == 1; }
  const Node& consumer(Value value) const {
    return graph_.node(Value{consumer_[static_cast<size_t>(value.id)]});
  }
  bool upsample_is_absorbed(Value value) const {
    return graph_.node(value).op == Op::upsample && used_once(value) &&
           op_traits(consumer(value).op).absorbs.upsample;
  }

  bool absorb_next(Fused& fused) {
    if (!used_once(fused.value())) return false;
    const int32_t next = consumer_[static_cast<size_t>(fused.position)];
    if (absorbed_[static_cast<size_t>(next)]) return false;
    const Node& node = graph_.node(Value{next});
    const bool done = node.op == Op::activation ? absorb_activation(fused, node)
                      : node.op == Op::add      ? absorb_sum(fused, node)
                                                : false;
    if (!done) return false;
    absorbed_[static_cast<size_t>(next)] = true;
    fused.position = next;
    return true;
  }

  bool absorb_activation(Fused& fused, const Node& node) const {
    if (!op_traits(node_of(graph_, fused).op).absorbs.activation) return false;
    if (fused.activation != Activation::none || fused.residual.valid()) return false;
    fused.activation = node.activation;
    return true;
  }

  bool absorb_sum(Fused& fused, const Node& node) const {
    if (!op_traits(node_of(graph_, fused).op).absorbs.sum) return false;
    const bool first = node.inputs[0].id == fused.position;
    const Value other = node.inputs[first ? 1 : 0];
    if (other.id == fused.position || fused.residual.valid()) return false;
    const Shape &x = node.shape, &y = graph_.shape(other);
    const bool row_an_item = !(x == y) && y.rows_per_item() == 1;
    if (row_an_item) {
      if (!first || fused.activation != Activation::none || fused.item_bias.valid()) return false;
      fused.item_bias = other;
      return true;
    }
    if (!first && !(graph_.shape(fused.value()) == x)) return false;
    // A sum of two products belongs to the second: the first is done with what it reads when it stands.
    if (other.id > fused.position && op_traits(graph_.node(other).op).absorbs.sum && used_once(other))
      return false;
    fused.residual = other;
    return true;
  }

  const Graph& graph_;
  std::vector<int> uses_;
  std::vector<int32_t> consumer_;
  std::vector<bool> absorbed_;
};

}  // namespace

std::vector<Fused> fuse(const Graph& graph) { return Fuser(graph).run(); }

const Node& node_of(const Graph& graph, const Fused& fused) { return graph.node(Value{fused.node}); }

std::vector<Value> inputs_of(const Graph& graph, const Fused& fused) {
  std::vector<Value> inputs = node_of(graph, fused).inputs;
  if (fused.conv_source.valid()) inputs[0] = fused.conv_source;
  return inputs;
}

Value storage_root(const Graph& graph, Value value) {
  while (op_traits(graph.node(value).op).kind == OpTraits::Kind::view) value = graph.node(value).inputs[0];
  return value;
}

}  // namespace ipa
