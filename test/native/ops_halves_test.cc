// Weights kept as IEEE binary16 give the same bits as the same weights kept as f32.
#include <functional>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Conv;
using ipa::Value;
using ipa_test::GraphRig;

void check_halves(const std::string& what, const std::function<Value(GraphRig&)>& describe) {
  GraphRig wide(7), narrow(7);
  const Value a = wide.output(describe(wide)), b = narrow.output(describe(narrow));
  wide.round_weights();
  CHECK(wide.build() && wide.run());
  narrow.use_halves();
  CHECK(narrow.build_with_weights_of(wide) && narrow.run());
  if (!ipa_test::same_bits(wide.result(a), narrow.result(b)))
    ipa_test::fail(__FILE__, __LINE__, what + ": other bits than with weights in f32");
}

TEST(ops_halves_linear) {
  for (int64_t in : {1, 5, 64, 511, 512, 513, 1500})
    for (int64_t out : {1, 17, 64, 70})
      check_halves("linear " + std::to_string(in) + " -> " + std::to_string(out),
                   [&](GraphRig& rig) { return rig.graph.linear(rig.input({1, 1, 13, in}), "a", out); });
}

TEST(ops_halves_side_by_side_and_geglu) {
  check_halves("three linears", [](GraphRig& rig) {
    return rig.graph.linears(rig.input({2, 3, 5, 70}), {"q", "k", "v"}, 40, false);
  });
  check_halves("geglu",
               [](GraphRig& rig) { return rig.graph.geglu_linear(rig.input({2, 1, 9, 50}), "a", 45); });
}

TEST(ops_halves_conv2d) {
  // Direct, and by Winograd's algorithm in both sizes of tiles.
  for (int64_t in : {7, 40, 130})
    for (int64_t side : {3, 9, 33})
      check_halves("convolution of " + std::to_string(side) + "x" + std::to_string(in),
                   [&](GraphRig& rig) { return rig.graph.conv2d(rig.input({2, side, side, in}), "a", 70); });
  check_halves("stride 2", [](GraphRig& rig) {
    return rig.graph.conv2d(rig.input({1, 9, 8, 40}), "a", 33, Conv{3, 3, 2, 1, 1, 1, 1});
  });
}

TEST(ops_halves_tables) {
  check_halves("embedding",
               [](GraphRig& rig) { return rig.graph.embedding(rig.ids({2, 1, 9, 1}, 30), "table", 30, 37); });
  check_halves("class token", [](GraphRig& rig) { return rig.graph.param_rows("tokens", {3, 21}, 3, 21, 2); });
}

// Weights of a checkpoint in f16 are rounded to int8 as those of one in f32.
TEST(ops_halves_to_int8) {
  for (int64_t in : {3, 37, 130}) {
    auto describe = [&](GraphRig& rig) {
      const Value x = rig.input({1, 9, 8, in});
      return rig.output(rig.graph.conv1x1(rig.graph.conv2d(x, "a", 33), "b", 70));
    };
    GraphRig wide(8), narrow(8);
    const Value a = describe(wide), b = describe(narrow);
    wide.use(ipa::Compute::int8);
    narrow.use(ipa::Compute::int8);
    narrow.store_halves();
    wide.round_weights();
    CHECK(wide.build() && wide.run());
    CHECK(narrow.build_with_weights_of(wide) && narrow.run());
    CHECK(ipa_test::same_bits(wide.result(a), narrow.result(b)));
  }
}

}  // namespace
