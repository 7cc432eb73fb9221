#include "graph/plan.h"

#include <algorithm>

#include "graph/arena.h"
#include "graph/fuser.h"
#include "graph/storage_choice.h"

namespace ipa {
namespace {

// Operands that a step may write its result over, element by element, once nobody reads them any more: those of
// ops over rows, and the residual of a product.
std::vector<Value> replaceable(const Graph& graph, const Fused& fused, const std::vector<Storage>& storages) {
  const Node& node = graph.node(Value{fused.node});
  std::vector<Value> values;
  if (has_epilogue(node.op)) {
    if (fused.residual.valid()) values = {fused.residual};
  } else if (node.op == Op::group_norm || node.op == Op::norm_apply || node.op == Op::layer_norm ||
             node.op == Op::activation || node.op == Op::add) {
    values = node.inputs;
  }
  const Shape& out = graph.shape(Value{fused.position});
  std::vector<Value> fitting;
  for (Value value : values) {
    bool whole = graph.shape(value) == out;
    for (Value at = value; is_view(graph.node(at).op); at = graph.node(at).inputs[0])
      whole = whole && graph.node(at).op == Op::reshape;
    const auto root = static_cast<size_t>(storage_root(graph, value).id);
    if (whole && storages[root] == storages[static_cast<size_t>(fused.position)]) fitting.push_back(value);
  }
  return fitting;
}

}  // namespace

Result<Plan> Plan::make(Graph graph_in, const Backend& backend) {
  if (!graph_in.status().ok()) return graph_in.status();
  if (!graph_in.params()->status().ok()) return graph_in.params()->status();
  Plan plan;
  plan.graph_ = std::make_unique<Graph>(std::move(graph_in));
  const Graph& graph = *plan.graph_;
  const auto& nodes = graph.nodes();

  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].op == Op::input) plan.bound_.push_back(Value{static_cast<int32_t>(i)});
  for (Value output : graph.outputs()) {
    if (is_view(graph.node(output).op) || graph.node(output).op == Op::input)
      return Status(Code::internal, "a plan's output must be computed by a step");
    plan.bound_.push_back(output);
  }
  const std::vector<Fused> fused = fuse(graph);
  const std::vector<Storage> storages = choose_storages(graph, fused, plan.bound_);
  auto value_bytes = [&](Value value) -> int64_t {
    const Node& node = graph.node(value);
    const Storage storage = storages[static_cast<size_t>(value.id)];
    if (storage == Storage::packed_kv) return static_cast<int64_t>(backend.packed_kv_bytes(node.kv));
    return node.shape.elements() * element_bytes(storage);
  };
  for (Value value : plan.bound_) plan.bound_bytes_.push_back(static_cast<size_t>(value_bytes(value)));

  // Lifetimes in steps, by the value that owns the memory.
  std::vector<int> first(nodes.size(), -1), last(nodes.size(), -1);
  auto read_at = [&](Value value, int step) {
    if (value.valid()) last[static_cast<size_t>(storage_root(graph, value).id)] = step;
  };
  for (size_t s = 0; s < fused.size(); ++s) {
    const int step = static_cast<int>(s);
    first[static_cast<size_t>(fused[s].position)] = step;
    last[static_cast<size_t>(fused[s].position)] = std::max(last[static_cast<size_t>(fused[s].position)], step);
    for (Value input : inputs_of(graph, fused[s])) read_at(input, step);
    read_at(fused[s].item_bias, step);
    read_at(fused[s].residual, step);
  }

  std::vector<ArenaBlock> blocks;
  std::vector<int> block_of(nodes.size(), -1);
  for (size_t s = 0; s < fused.size(); ++s) {
    const Fused& f = fused[s];
    const auto i = static_cast<size_t>(f.position);
    if (plan.binding_of(Value{f.position}) >= 0) continue;
    std::vector<Value> operands = inputs_of(graph, f);
    operands.push_back(f.item_bias);
    operands.push_back(f.residual);
    for (Value value : replaceable(graph, f, storages)) {
      const int32_t root = storage_root(graph, value).id;
      const int block = block_of[static_cast<size_t>(root)];
      if (block < 0 || last[static_cast<size_t>(root)] != static_cast<int>(s)) continue;
      // What is read otherwise than element by element must not change under the reader.
      int reads = 0;
      for (Value operand : operands)
        if (operand.valid() && storage_root(graph, operand).id == root) ++reads;
      if (reads != 1) continue;
      block_of[i] = block;
      blocks[static_cast<size_t>(block)].last = last[i];
      break;
    }
    if (block_of[i] >= 0) continue;
    block_of[i] = static_cast<int>(blocks.size());
    blocks.push_back({value_bytes(Value{f.position}), first[i], last[i], 0});
  }

  auto place = [&](Value value) {
    Place p;
    if (!value.valid()) return p;
    p.valid = true;
    // Walk the views outwards: channel offsets add up, the row stride is that of the innermost contiguous
    // value.
    Value at = value;
    int64_t elements = 0;
    int64_t stride = graph.shape(value).c;
    while (is_view(graph.node(at).op)) {
      const Node& view = graph.node(at);
      if (view.op == Op::slice_channels) {
        elements += view.offset;
        stride = graph.shape(view.inputs[0]).c;
      }
      at = view.inputs[0];
    }
    p.row_stride = stride;
    p.binding = plan.binding_of(at);
    p.offset = elements * element_bytes(storages[static_cast<size_t>(at.id)]);
    if (p.binding < 0) p.offset += blocks[static_cast<size_t>(block_of[static_cast<size_t>(at.id)])].offset;
    return p;
  };

  // Scratch is a block of its own step. Sizes do not depend on places, so steps are filled in twice: sizes,
  // then places.
  for (size_t s = 0; s < fused.size(); ++s) {
    const Fused& f = fused[s];
    Step step;
    step.node = &nodes[static_cast<size_t>(f.node)];
    step.out_shape = nodes[static_cast<size_t>(f.position)].shape;
    step.out_storage = storages[static_cast<size_t>(f.position)];
    for (Value input : inputs_of(graph, f)) {
      step.input_shapes.push_back(graph.shape(input));
      step.input_storages.push_back(storages[static_cast<size_t>(storage_root(graph, input).id)]);
    }
    if (f.residual.valid())
      step.residual_storage = storages[static_cast<size_t>(storage_root(graph, f.residual).id)];
    step.activation = f.activation;
    if (step.node->op == Op::activation) step.activation = step.node->activation;
    if (f.conv_source.valid()) {
      const Shape& enlarged = graph.shape(nodes[static_cast<size_t>(f.node)].inputs[0]);
      step.upsample_h = enlarged.h;
      step.upsample_w = enlarged.w;
    }
    plan.steps_.push_back(std::move(step));
    blocks.push_back({static_cast<int64_t>(backend.scratch_bytes(plan.steps_.back())), static_cast<int>(s),
                      static_cast<int>(s), 0});
  }
  const size_t first_scratch = blocks.size() - fused.size();
  plan.arena_bytes_ = static_cast<size_t>(place_blocks(blocks));

  for (size_t s = 0; s < fused.size(); ++s) {
    const Fused& f = fused[s];
    Step& step = plan.steps_[s];
    step.out = place(Value{f.position});
    for (Value input : inputs_of(graph, f)) step.inputs.push_back(place(input));
    step.item_bias = place(f.item_bias);
    if (f.item_bias.valid()) step.item_bias_shared = graph.shape(f.item_bias).n == 1;
    step.residual = place(f.residual);
    if (f.residual.valid() && graph.shape(f.residual).n == 1 && step.out_shape.n > 1)
      step.residual_period = graph.shape(f.residual).rows();
    step.scratch_offset = blocks[first_scratch + s].offset;
  }
  return plan;
}

int Plan::binding_of(Value value) const {
  for (size_t i = 0; i < bound_.size(); ++i)
    if (bound_[i].id == value.id) return static_cast<int>(i);
  return -1;
}

}  // namespace ipa
