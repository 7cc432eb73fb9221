#include "graph/plan.h"

#include "graph/fuser.h"
#include "graph/op_traits.h"
#include "graph/shared_blocks.h"
#include "graph/storage_choice.h"

namespace ipa {

// Makes a plan in five turns: what is bound, which steps, what each is, how much memory, and where.
class Planner {
 public:
  Planner(Graph graph, const Backend& backend) : backend_(backend) {
    plan_.graph_ = std::make_unique<Graph>(std::move(graph));
  }

  Result<Plan> run() {
    IPA_TRY(list_bound());
    fused_ = fuse(graph());
    storages_ = choose_storages(graph(), fused_, plan_.bound_);
    for (Value value : plan_.bound_) plan_.bound_bytes_.push_back(static_cast<size_t>(bytes_of(value)));
    for (const Fused& fused : fused_) plan_.steps_.push_back(describe(fused));
    lay_out();
    for (size_t s = 0; s < fused_.size(); ++s) set_places(fused_[s], plan_.steps_[s]);
    IPA_TRY(check_scratch());
    return std::move(plan_);
  }

 private:
  const Graph& graph() const { return *plan_.graph_; }
  Storage storage_of(Value value) const {
    return storages_[static_cast<size_t>(storage_root(graph(), value).id)];
  }

  Status list_bound() {
    const auto& nodes = graph().nodes();
    for (size_t i = 0; i < nodes.size(); ++i)
      if (op_traits(nodes[i].op).kind == OpTraits::Kind::bound)
        plan_.bound_.push_back(Value{static_cast<int32_t>(i)});
    for (Value output : graph().outputs()) {
      if (op_traits(graph().node(output).op).kind != OpTraits::Kind::step)
        return Status(Code::internal, "a plan's output must be computed by a step");
      plan_.bound_.push_back(output);
    }
    return {};
  }

  int64_t bytes_of(Value value) const {
    const Node& node = graph().node(value);
    const Storage storage = storages_[static_cast<size_t>(value.id)];
    if (storage == Storage::packed_kv) return static_cast<int64_t>(backend_.packed_kv_bytes(node.kv));
    return node.shape.elements() * element_bytes(storage);
  }

  // All of a step but its places: enough to know its scratch memory.
  Step describe(const Fused& fused) const {
    Step step;
    step.node = &node_of(graph(), fused);
    step.out_shape = graph().shape(fused.value());
    step.out_storage = storages_[static_cast<size_t>(fused.position)];
    for (Value input : inputs_of(graph(), fused)) {
      step.input_shapes.push_back(graph().shape(input));
      step.input_storages.push_back(storage_of(input));
    }
    step.activation = step.node->op == Op::activation ? step.node->activation : fused.activation;
    if (fused.item_bias.valid()) {
      step.item_bias_shared = graph().shape(fused.item_bias).n == 1;
      step.item_bias_storage = storage_of(fused.item_bias);
    }
    if (fused.residual.valid()) {
      const Shape& residual = graph().shape(fused.residual);
      step.residual_storage = storage_of(fused.residual);
      if (residual.n == 1 && step.out_shape.n > 1) step.residual_period = residual.rows();
    }
    if (fused.conv_source.valid()) {
      const Shape& enlarged = graph().shape(step.node->inputs[0]);
      step.upsample_h = enlarged.h;
      step.upsample_w = enlarged.w;
    }
    return step;
  }

  // Blocks for values, and one for the scratch memory of each step.
  void lay_out() {
    shared_ = share_blocks(
        graph(), fused_, storages_, [&](Value value) { return plan_.binding_of(value) >= 0; },
        [&](Value value) { return bytes_of(value); });
    first_scratch_ = shared_.blocks.size();
    for (size_t s = 0; s < fused_.size(); ++s) {
      const int step = static_cast<int>(s);
      shared_.blocks.push_back({static_cast<int64_t>(backend_.scratch_bytes(plan_.steps_[s])), step, step, 0});
    }
    plan_.arena_bytes_ =
        static_cast<size_t>(place_blocks(shared_.blocks, static_cast<int64_t>(backend_.memory().alignment())));
    for (size_t s = 0; s < fused_.size(); ++s)
      plan_.steps_[s].scratch_offset = shared_.blocks[first_scratch_ + s].offset;
  }

  // A step's scratch memory is laid out before the step has places, and must not need more with them.
  Status check_scratch() const {
    for (size_t s = 0; s < fused_.size(); ++s) {
      const auto bytes = static_cast<int64_t>(backend_.scratch_bytes(plan_.steps_[s]));
      if (bytes > shared_.blocks[first_scratch_ + s].bytes)
        return Status(Code::internal, "the scratch memory of a step depends on its places");
    }
    return {};
  }

  Place place(Value value) const {
    Place p;
    if (!value.valid()) return p;
    p.valid = true;
    // Walk the views outwards: channel offsets add up,
    // the row stride is that of the innermost contiguous value.
    Value at = value;
    int64_t elements = 0;
    p.row_stride = graph().shape(value).c;
    for (; op_traits(graph().node(at).op).kind == OpTraits::Kind::view; at = graph().node(at).inputs[0]) {
      const Node& view = graph().node(at);
      if (view.op != Op::slice_channels) continue;
      elements += view.offset;
      p.row_stride = graph().shape(view.inputs[0]).c;
    }
    const auto root = static_cast<size_t>(at.id);
    p.binding = plan_.binding_of(at);
    p.offset = elements * element_bytes(storages_[root]);
    if (p.binding < 0) p.offset += shared_.blocks[static_cast<size_t>(shared_.block_of[root])].offset;
    return p;
  }

  void set_places(const Fused& fused, Step& step) const {
    step.out = place(fused.value());
    for (Value input : inputs_of(graph(), fused)) step.inputs.push_back(place(input));
    step.item_bias = place(fused.item_bias);
    step.residual = place(fused.residual);
  }

  const Backend& backend_;
  Plan plan_;
  std::vector<Fused> fused_;
  std::vector<Storage> storages_;
  SharedBlocks shared_;
  size_t first_scratch_ = 0;  // among its blocks
};

Result<Plan> Plan::make(Graph graph, const Backend& backend) {
  if (!graph.status().ok()) return graph.status();
  if (!graph.params()->status().ok()) return graph.params()->status();
  return Planner(std::move(graph), backend).run();
}

int Plan::binding_of(Value value) const {
  for (size_t i = 0; i < bound_.size(); ++i)
    if (bound_[i].id == value.id) return static_cast<int>(i);
  return -1;
}

}  // namespace ipa
