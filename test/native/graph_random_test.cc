// Deep random graphs: whatever is fused, viewed or laid over memory that is free again,
// every value still holds when it is read.
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Graph;
using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::Random;

// Grows a graph by ops that fit its values.
// Norms are frequent, so that numbers stay near 1 however deep it gets.
class Grower {
 public:
  Grower(GraphRig& rig, uint64_t seed) : rig_(rig), g_(rig.graph), random_(seed) {
    batch_ = random_.between(1, 3);
    for (int i = 0; i < 3; ++i) values_.push_back(rig.input(picture()));
    values_.push_back(rig.input({batch_, 1, 1, 8}));
  }

  void grow(int ops) {
    for (int i = 0; i < ops; ++i) values_.push_back(next());
  }

  // A few values on the way, and a norm of the last so that it has something to say.
  void finish() {
    rig_.output(g_.layer_norm(values_.back(), "end", 1e-3f));
    for (int i = 0; i < 3; ++i) {
      const Value value =
          values_[static_cast<size_t>(random_.between(4, static_cast<int64_t>(values_.size()) - 1))];
      const ipa::Op op = g_.node(value).op;
      if (op != ipa::Op::reshape && op != ipa::Op::slice_channels && op != ipa::Op::input && !is_output(value))
        rig_.output(value);
    }
  }

 private:
  Shape picture() { return {batch_, random_.between(1, 6), random_.between(1, 6), 4 * random_.between(1, 6)}; }
  bool is_output(Value value) const {
    for (Value output : g_.outputs())
      if (output.id == value.id) return true;
    return false;
  }
  // Recent values more often: chains are what gets fused.
  Value any() {
    const auto count = static_cast<int64_t>(values_.size());
    return values_[static_cast<size_t>(random_.below(2) ? count - 1 - random_.below(std::min<int64_t>(count, 3))
                                                        : random_.below(count))];
  }
  std::string name() { return "m" + std::to_string(names_++); }
  // Something that may be added to x: of its shape, or broadcast.
  Value fitting(Value x) {
    const Shape shape = g_.shape(x);
    for (int i = 0; i < 6; ++i) {
      const Value candidate = any();
      if (g_.shape(candidate) == shape) return candidate;
    }
    switch (random_.below(4)) {
      case 0: return g_.linear(values_[3], name(), shape.c);  // one row per item
      case 1: return g_.linear(rig_.input({1, shape.h, shape.w, 5}), name(), shape.c);
      case 2: return rig_.input(shape);
      default: return g_.linear(x, name(), shape.c);
    }
  }

  Value next() {
    g_.set_wrap({random_.below(3) == 0, random_.below(3) == 0});
    const Value x = any();
    const Shape shape = g_.shape(x);
    switch (random_.below(15)) {
      case 0: return g_.linear(x, name(), random_.between(1, 40), random_.below(2) == 0);
      case 1: return g_.layer_norm(g_.geglu_linear(x, name(), random_.between(1, 20)), name(), 1e-2f);
      case 2: return g_.conv2d(x, name(), random_.between(1, 24));
      case 3:
        if (shape.h > 20 || shape.w > 20) return g_.silu(x);
        return g_.conv2d(g_.upsample(x, shape.h + random_.below(4), shape.w + random_.below(4)), name(), 12);
      case 4: return g_.group_norm(x, name(), shape.c % 4 == 0 ? 4 : 1, 1e-2f);
      case 5: return g_.layer_norm(x, name(), 1e-2f);
      case 6: return g_.activate(x, static_cast<Activation>(random_.between(1, 4)));
      case 7:
      case 8: {
        const Value other = fitting(x);
        const bool swap = g_.shape(other) == shape && random_.below(2) == 0;
        return swap ? g_.add(other, x) : g_.add(x, other);
      }
      case 9: {
        const Value y = g_.conv2d(x, name(), shape.c);
        return g_.concat_channels(random_.below(2) ? x : y, y);
      }
      case 10: return g_.concat_tokens(x, x);
      case 11: {
        if (shape.c < 3) return g_.silu(x);
        return g_.slice_channels(x, random_.below(2), random_.between(1, shape.c - 1));
      }
      case 12:
        if (g_.node(x).op == ipa::Op::slice_channels) return g_.silu(x);
        return g_.reshape(x, {shape.n, 1, shape.h * shape.w, shape.c});
      case 13: {
        const int heads = shape.c % 4 == 0 ? 4 : 1;
        const Value kv = g_.pack_kv(x, x, heads), scale = rig_.scalar(0.5f);
        const Value attended = random_.below(2) ? g_.attention(x, kv) : g_.attention(x, kv, {{kv, scale}});
        if (random_.below(3) == 0) rig_.output(g_.attention_map(attended));
        return attended;
      }
      default: return g_.add(g_.conv1x1(x, name(), shape.c), x);
    }
  }

  GraphRig& rig_;
  Graph& g_;
  Random random_;
  int64_t batch_ = 1;
  int names_ = 0;
  std::vector<Value> values_;
};

TEST(graph_random_graphs_match_reference) {
  for (uint64_t seed = 0; seed < 120; ++seed) {
    GraphRig rig(seed);
    Grower grower(rig, seed + 1000);
    grower.grow(10 + static_cast<int>(seed % 40));
    grower.finish();
    rig.check("random graph " + std::to_string(seed), ipa_test::deep_tolerance);
  }
}

TEST(graph_plan_fuses_and_reuses_memory) {
  GraphRig rig(1);
  Value x = rig.input({1, 16, 16, 24});
  for (int i = 0; i < 30; ++i) {
    const std::string name = std::to_string(i);
    const Value h = rig.graph.silu(rig.graph.group_norm(x, "norm" + name, 8, 1e-5f));
    x = rig.graph.add(x, rig.graph.conv2d(h, "conv" + name, 24));
  }
  rig.output(x);
  rig.check("thirty blocks", ipa_test::deep_tolerance);
  CHECK_EQ(rig.steps(), 60);
  // The stream, the next stream and the normalised picture, besides a step's scratch: not thirty of them.
  const int64_t picture = 16 * 16 * 24 * 4;
  CHECK(static_cast<int64_t>(rig.program().plan().arena_bytes()) < 6 * picture);
}

}  // namespace
