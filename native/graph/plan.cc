#include "graph/plan.h"

#include <algorithm>

#include "graph/arena.h"

namespace ipa {
namespace {

bool is_view(Op op) { return op == Op::slice_channels || op == Op::reshape; }
bool has_epilogue(Op op) { return op == Op::linear || op == Op::conv2d || op == Op::geglu_linear; }

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

  struct Fused {
    int32_t node;      // whose op the step runs
    int32_t position;  // node whose value the step produces
    Activation activation = Activation::none;
    Value item_bias, residual;
    Value conv_source;  // behind an absorbed upsample
  };

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

// The value whose memory a view looks into.
Value storage_root(const Graph& graph, Value value) {
  while (is_view(graph.node(value).op)) value = graph.node(value).inputs[0];
  return value;
}

// Operands that a step may write its result over, element by element, once nobody reads them any more: those of
// ops over rows, and the residual of a product.
std::vector<Value> replaceable(const Graph& graph, const Fuser::Fused& fused) {
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
    if (whole) fitting.push_back(value);
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

  auto value_bytes = [&](const Node& node) -> int64_t {
    if (node.storage == Storage::packed_kv) return static_cast<int64_t>(backend.packed_kv_bytes(node.kv));
    return node.shape.elements() * 4;
  };

  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].op == Op::input) plan.bound_.push_back(Value{static_cast<int32_t>(i)});
  for (Value output : graph.outputs()) {
    if (is_view(graph.node(output).op) || graph.node(output).op == Op::input)
      return Status(Code::internal, "a plan's output must be computed by a step");
    plan.bound_.push_back(output);
  }
  for (Value value : plan.bound_)
    plan.bound_bytes_.push_back(static_cast<size_t>(value_bytes(graph.node(value))));

  const std::vector<Fuser::Fused> fused = Fuser(graph).run();

  // Lifetimes in steps, by the value that owns the memory.
  std::vector<int> first(nodes.size(), -1), last(nodes.size(), -1);
  auto read_at = [&](Value value, int step) {
    if (value.valid()) last[static_cast<size_t>(storage_root(graph, value).id)] = step;
  };
  auto inputs_of = [&](const Fuser::Fused& f) {
    std::vector<Value> inputs = nodes[static_cast<size_t>(f.node)].inputs;
    if (f.conv_source.valid()) inputs[0] = f.conv_source;
    return inputs;
  };
  for (size_t s = 0; s < fused.size(); ++s) {
    const int step = static_cast<int>(s);
    first[static_cast<size_t>(fused[s].position)] = step;
    last[static_cast<size_t>(fused[s].position)] = std::max(last[static_cast<size_t>(fused[s].position)], step);
    for (Value input : inputs_of(fused[s])) read_at(input, step);
    read_at(fused[s].item_bias, step);
    read_at(fused[s].residual, step);
  }

  std::vector<ArenaBlock> blocks;
  std::vector<int> block_of(nodes.size(), -1);
  for (size_t s = 0; s < fused.size(); ++s) {
    const Fuser::Fused& f = fused[s];
    const auto i = static_cast<size_t>(f.position);
    if (plan.binding_of(Value{f.position}) >= 0) continue;
    std::vector<Value> operands = inputs_of(f);
    operands.push_back(f.item_bias);
    operands.push_back(f.residual);
    for (Value value : replaceable(graph, f)) {
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
    blocks.push_back({value_bytes(nodes[i]), first[i], last[i], 0});
  }

  auto place = [&](Value value) {
    Place p;
    if (!value.valid()) return p;
    p.valid = true;
    // Walk the views outwards: channel offsets add up, the row stride is that of the innermost contiguous
    // value.
    Value at = value;
    int64_t floats = 0;
    int64_t stride = graph.shape(value).c;
    while (is_view(graph.node(at).op)) {
      const Node& view = graph.node(at);
      if (view.op == Op::slice_channels) {
        floats += view.offset;
        stride = graph.shape(view.inputs[0]).c;
      }
      at = view.inputs[0];
    }
    p.row_stride = stride;
    p.binding = plan.binding_of(at);
    p.offset = floats * 4;
    if (p.binding < 0) p.offset += blocks[static_cast<size_t>(block_of[static_cast<size_t>(at.id)])].offset;
    return p;
  };

  // Scratch is a block of its own step. Sizes do not depend on places, so steps are filled in twice: sizes,
  // then places.
  for (size_t s = 0; s < fused.size(); ++s) {
    const Fuser::Fused& f = fused[s];
    Step step;
    step.node = &nodes[static_cast<size_t>(f.node)];
    step.out_shape = nodes[static_cast<size_t>(f.position)].shape;
    for (Value input : inputs_of(f)) step.input_shapes.push_back(graph.shape(input));
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
    const Fuser::Fused& f = fused[s];
    Step& step = plan.steps_[s];
    step.out = place(Value{f.position});
    for (Value input : inputs_of(f)) step.inputs.push_back(place(input));
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
