#include "graph/fuser.h"

#include <algorithm>

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
      const Op op = nodes[i].op;
      if (absorbed_[i] || op == Op::input || is_view(op)) continue;
      if (op == Op::upsample && uses_[i] == 1 &&
          graph_.nodes()[static_cast<size_t>(consumer_[i])].op == Op::conv2d)
        continue;  // the convolution reads its source
      Fused fused;
      fused.node = fused.position = static_cast<int32_t>(i);
      if (op == Op::conv2d) {
        const Value source = nodes[i].inputs[0];
        if (graph_.node(source).op == Op::upsample && uses_[static_cast<size_t>(source.id)] == 1)
          fused.conv_source = graph_.node(source).inputs[0];
      }
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
  bool absorb_next(Fused& fused) {
    const auto current = static_cast<size_t>(fused.position);
    if (uses_[current] != 1) return false;
    const int32_t next = consumer_[current];
    if (absorbed_[static_cast<size_t>(next)]) return false;
    const Node& node = graph_.nodes()[static_cast<size_t>(next)];
    const Op op = graph_.nodes()[static_cast<size_t>(fused.node)].op;
    if (node.op == Op::activation) {
      if (fused.activation != Activation::none || fused.residual.valid()) return false;
      if (!has_epilogue(op) && op != Op::group_norm && op != Op::norm_apply) return false;
      if (op == Op::geglu_linear) return false;
      fused.activation = node.activation;
    } else if (node.op == Op::add && has_epilogue(op)) {
      const bool first = node.inputs[0].id == fused.position;
      const Value other = node.inputs[first ? 1 : 0];
      if (other.id == fused.position || fused.residual.valid()) return false;
      const Shape& x = node.shape;
      const Shape& y = graph_.shape(other);
      const bool row_an_item = !(x == y) && y.rows_per_item() == 1;
      if (row_an_item) {
        if (!first || fused.activation != Activation::none || fused.item_bias.valid()) return false;
        fused.item_bias = other;
      } else {
        if (!first && !(graph_.shape(Value{fused.position}) == x)) return false;
        // A sum of two products belongs to the second: the first is done with what it reads when it stands.
        if (other.id > fused.position && has_epilogue(graph_.node(other).op) &&
            uses_[static_cast<size_t>(other.id)] == 1)
          return false;
        fused.residual = other;
      }
    } else {
      return false;
    }
    absorbed_[static_cast<size_t>(next)] = true;
    fused.position = next;
    return true;
  }

  const Graph& graph_;
  std::vector<int> uses_;
  std::vector<int32_t> consumer_;
  std::vector<bool> absorbed_;
};

}  // namespace

std::vector<Fused> fuse(const Graph& graph) { return Fuser(graph).run(); }

std::vector<Value> inputs_of(const Graph& graph, const Fused& fused) {
  std::vector<Value> inputs = graph.node(Value{fused.node}).inputs;
  if (fused.conv_source.valid()) inputs[0] = fused.conv_source;
  return inputs;
}

bool is_view(Op op) { return op == Op::slice_channels || op == Op::reshape; }
bool has_epilogue(Op op) { return op == Op::linear || op == Op::conv2d || op == Op::geglu_linear; }

Value storage_root(const Graph& graph, Value value) {
  while (is_view(graph.node(value).op)) value = graph.node(value).inputs[0];
  return value;
}

}  // namespace ipa
