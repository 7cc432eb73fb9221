// Results written over operands that nobody reads again:
// memory that must not be taken, and operands that must not be spoilt.
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Value;
using ipa_test::GraphRig;

// The arena of a graph whose last value before the output is made by `describe` from a computed value.
size_t arena(const std::string& what, Value (*describe)(GraphRig&, Value)) {
  GraphRig rig(9);
  const Value x = rig.graph.linear(rig.input({2, 6, 8, 40}), "first", 64);
  rig.output(rig.graph.linear(describe(rig, x), "last", 3));
  rig.check(what, ipa_test::deep_tolerance);
  return rig.program().plan().arena_bytes();
}

TEST(graph_in_place_ops_over_rows_take_no_memory) {
  const size_t one = arena("nothing between", [](GraphRig&, Value x) { return x; });
  const auto chain = [](GraphRig& rig, Value x) {
    x = rig.graph.layer_norm(x, "a", 1e-5f);
    x = rig.graph.reshape(x, {2, 8, 6, 64});
    x = rig.graph.silu(rig.graph.layer_norm(x, "b", 1e-5f));
    x = rig.graph.add(x, rig.input({2, 8, 6, 64}));
    return rig.graph.add(rig.input({2, 8, 6, 64}), x);
  };
  CHECK_EQ(arena("a chain", chain), one);
}

TEST(graph_in_place_sums_take_no_memory) {
  const auto sum = [](GraphRig& rig, Value x) {
    const Value wide = rig.graph.linear(x, "wide", 64);
    return rig.graph.add(rig.graph.linear(wide, "narrow", 64), x);
  };
  const auto longer = [](GraphRig& rig, Value x) {
    for (const char* name : {"a", "b", "c"}) {
      const Value wide = rig.graph.linear(x, std::string(name) + "wide", 64);
      x = rig.graph.add(rig.graph.linear(wide, std::string(name) + "narrow", 64), x);
    }
    return x;
  };
  CHECK_EQ(arena("three sums", longer), arena("one sum", sum));
}

TEST(graph_in_place_operands_read_later_or_otherwise_stay) {
  arena("read by the product itself",
        [](GraphRig& rig, Value x) { return rig.graph.add(rig.graph.linear(x, "a", 64), x); });
  arena("read again", [](GraphRig& rig, Value x) {
    const Value normed = rig.graph.layer_norm(x, "a", 1e-5f);
    return rig.graph.add(rig.graph.silu(normed), rig.graph.add(normed, x));
  });
  arena("twice the same", [](GraphRig& rig, Value x) { return rig.graph.add(x, x); });
  arena("seen through a slice", [](GraphRig& rig, Value x) {
    const Value half = rig.graph.slice_channels(x, 0, 32);
    const Value normed = rig.graph.layer_norm(half, "a", 1e-5f);
    return rig.graph.concat_channels(normed, rig.graph.slice_channels(x, 32, 32));
  });
  arena("a convolution over its residual",
        [](GraphRig& rig, Value x) { return rig.graph.add(rig.graph.conv2d(x, "a", 64), x); });
  arena("one row per item", [](GraphRig& rig, Value x) {
    const Value row = rig.graph.linear(rig.input({2, 1, 1, 10}), "row", 64);
    return rig.graph.add(x, row);
  });
}

TEST(graph_in_place_a_sum_of_two_products_is_the_second) {
  arena("shortcut", [](GraphRig& rig, Value x) {
    const Value shortcut = rig.graph.conv1x1(x, "shortcut", 64);
    const Value h = rig.graph.conv2d(rig.graph.silu(rig.graph.group_norm(x, "norm", 8, 1e-5f)), "conv", 64);
    return rig.graph.add(h, shortcut);
  });
}

}  // namespace
