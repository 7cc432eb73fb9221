#include "check/reference_graph.h"

#include <algorithm>
#include <cmath>

namespace ipa_ref {
namespace {

// Of a branch: one per query of each item.
Doubles of_each_query(const Tensor& scales, const ipa::Shape& queries) {
  const int64_t rows = queries.rows_per_item();
  Doubles result;
  for (int64_t n = 0; n < queries.n; ++n)
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t item = scales.shape.n > 1 ? n : 0, own = scales.shape.rows_per_item();
      result.push_back(scales.values[static_cast<size_t>(own > 1 ? item * own + row : item)]);
    }
  return result;
}

using ipa::Graph;
using ipa::Node;
using ipa::Op;
using ipa::Value;

Doubles widen(const std::vector<float>& floats) { return Doubles(floats.begin(), floats.end()); }

// Rounds rows of `length` values to 8 bits, in f32 as the engine does: a boundary must not fall differently.
Doubles rounded_rows(const Doubles& values, size_t length) {
  Doubles out(values.size());
  for (size_t first = 0; first < values.size(); first += length) {
    float most = 0;
    for (size_t i = first; i < first + length; ++i)
      most = std::max(most, std::fabs(static_cast<float>(values[i])));
    if (!(most > 1e-30f)) continue;
    const float factor = 127.0f / most;
    for (size_t i = first; i < first + length; ++i)
      out[i] = static_cast<double>(std::nearbyint(static_cast<float>(values[i]) * factor)) *
               static_cast<double>(most / 127.0f);
  }
  return out;
}

class Evaluation {
 public:
  Evaluation(const Graph& graph, const Inputs& inputs, const ParamValues& params)
      : graph_(graph), inputs_(inputs), params_(params) {}

  std::vector<Tensor> run() {
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      const auto id = static_cast<int32_t>(i);
      if (node.op == Op::token_map) slots_[id] = token_slots(of(node.inputs[0]), node.offset);
      values_.push_back(compute(id, node));
    }
    return std::move(values_);
  }

 private:
  Doubles param(const Node& node, size_t index) const {
    if (index >= node.params.size() || !node.params[index]) return {};
    const ipa::Param& p = *node.params[index];
    Doubles values = widen(params_.at(&p));
    return p.compute == ipa::Compute::int8 || p.compute == ipa::Compute::int8_weights
               ? rounded_rows(values, static_cast<size_t>(p.elements_each() / p.shape[0]))
               : values;
  }
  // What a product's weight is multiplied with.
  Tensor factor(const Node& node) const {
    Tensor x = of(node.inputs[0]);
    if (node.params[0]->compute == ipa::Compute::int8)
      x.values = rounded_rows(x.values, static_cast<size_t>(x.shape.c));
    return x;
  }
  const Tensor& of(Value value) const { return values_[static_cast<size_t>(value.id)]; }

  // Bound, or made by a map of tokens.
  const std::vector<int32_t>& ids_of(Value value) const {
    const auto slots = slots_.find(value.id);
    return slots == slots_.end() ? inputs_.ids.at(value.id) : slots->second;
  }

  // Of an attention: its own keys, whose scale may come last, then those of its branches.
  std::vector<Keys> branches_of(const Node& node) const {
    const auto keys = [&](size_t input, const Doubles& scales) -> Keys {
      const Node& pack = graph_.node(node.inputs[input]);
      return {of(pack.inputs[0]), of(pack.inputs[1]), scales};
    };
    const ipa::Shape& queries = graph_.shape(node.inputs[0]);
    const size_t last = node.inputs.size() - 1;
    const bool scaled = last % 2 == 0;
    std::vector<Keys> branches = {keys(1, scaled ? of_each_query(of(node.inputs[last]), queries) : Doubles{1})};
    for (size_t i = 2; i + 1 < node.inputs.size(); i += 2)
      branches.push_back(keys(i, of_each_query(of(node.inputs[i + 1]), queries)));
    return branches;
  }

  Tensor compute(int32_t id, const Node& node) const {
    const auto in = [&](size_t i) -> const Tensor& { return of(node.inputs[i]); };
    switch (node.op) {
      case Op::input: {
        Tensor tensor;
        const auto floats = inputs_.floats.find(id);
        if (floats == inputs_.floats.end()) return tensor;
        tensor.shape = node.shape;
        tensor.values = widen(floats->second);
        return tensor;
      }
      case Op::param_rows:
        return param_rows(param(node, 0), node.shape.rows_per_item(), node.shape.c, node.shape.n);
      case Op::gather_rows: {
        const Doubles table = node.inputs.size() > 1 ? in(1).values : param(node, 0);
        return gather_rows(table, ids_of(node.inputs[0]), graph_.shape(node.inputs[0]), node.shape.c);
      }
      case Op::linear: return linear(factor(node), param(node, 0), param(node, 1), node.shape.c);
      case Op::geglu_linear: return geglu_linear(factor(node), param(node, 0), param(node, 1), node.shape.c);
      case Op::conv2d: {
        ipa::Conv conv = node.conv;
        const Tensor x = wrap_around(factor(node), node.wrap, conv);
        return conv2d(x, param(node, 0), param(node, 1), node.shape.c, conv);
      }
      case Op::norm_statistics:
        return norm_statistics(in(0), param(node, 0), param(node, 1), node.groups,
                               static_cast<double>(node.epsilon));
      case Op::norm_apply: return norm_apply(in(0), in(1));
      case Op::group_norm:
        return group_norm(in(0), param(node, 0), param(node, 1), node.groups,
                          static_cast<double>(node.epsilon));
      case Op::layer_norm:
        return layer_norm(in(0), param(node, 0), param(node, 1), static_cast<double>(node.epsilon));
      case Op::activation: return activate(in(0), node.activation);
      case Op::add: return add(in(0), in(1));
      case Op::concat_channels: return concat_channels(in(0), in(1));
      case Op::concat_tokens: return concat_tokens(in(0), in(1));
      case Op::slice_channels: return slice_channels(in(0), node.offset, node.shape.c);
      case Op::reshape: {
        Tensor tensor = in(0);
        tensor.shape = node.shape;
        return tensor;
      }
      case Op::upsample: return upsample(in(0), node.shape.h, node.shape.w);
      case Op::pack_kv: return {};
      case Op::token_map: return {};
      case Op::merge_rows: return merge_rows(in(0), ids_of(node.inputs[1]), node.shape.rows_per_item());
      case Op::attention: return attention(in(0), branches_of(node), node.kv.heads, node.causal);
      case Op::attention_map: return attention_map(in(0), branches_of(node), node.kv.heads, node.spans);
    }
    return {};
  }

  const Graph& graph_;
  const Inputs& inputs_;
  const ParamValues& params_;
  std::map<int32_t, std::vector<int32_t>> slots_;
  std::vector<Tensor> values_;
};

}  // namespace

std::vector<Tensor> evaluate(const Graph& graph, const Inputs& inputs, const ParamValues& params) {
  return Evaluation(graph, inputs, params).run();
}

}  // namespace ipa_ref
