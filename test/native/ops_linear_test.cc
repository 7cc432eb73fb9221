// linear, linears and geglu_linear against the f64 reference.
#include <algorithm>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::to_string;

void check_linear(Shape shape, int64_t out, bool bias) {
  GraphRig rig(static_cast<uint64_t>(shape.elements() + out));
  rig.output(rig.graph.linear(rig.input(shape), "a", out, bias));
  rig.check("linear " + to_string(shape) + " -> " + std::to_string(out) + (bias ? " with bias" : ""));
}

TEST(ops_linear_over_every_width) {
  // All tails of every panel (8, 16, 64 columns) and every vector length.
  for (int64_t out = 1; out <= 66; ++out) check_linear({1, 1, 5, 7}, out, out % 2 == 0);
  for (int64_t out : {79, 80, 81, 95, 96, 97, 127, 128, 129, 191, 192, 193, 320})
    check_linear({1, 1, 3, 9}, out, true);
}

TEST(ops_linear_over_every_number_of_rows) {
  // All tails of the register tile, then both sides of a block of rows.
  for (int64_t rows = 1; rows <= 26; ++rows) check_linear({1, 1, rows, 11}, 37, true);
  for (int64_t rows : {47, 48, 49, 95, 96, 97, 191, 192, 193}) check_linear({1, 1, rows, 5}, 70, false);
  // Enough panels that a block of rows keeps its full size.
  for (int64_t rows : {95, 96, 97, 193}) check_linear({1, 1, rows, 5}, 520, true);
}

TEST(ops_linear_over_every_depth) {
  for (int64_t in : {1, 2, 3, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 3100})
    check_linear({1, 1, 7, in}, 67, true);
}

TEST(ops_linear_over_batches_and_pictures) {
  for (int64_t n = 1; n <= 3; ++n) {
    check_linear({n, 1, 1, 33}, 20, true);
    check_linear({n, 1, 77, 24}, 40, false);
    check_linear({n, 9, 1, 24}, 1, true);
    check_linear({n, 7, 13, 1}, 65, true);
  }
}

// So deep and of so few rows that a GPU splits its sums, which it must not do otherwise for more items.
TEST(ops_linear_does_not_depend_on_the_batch) {
  constexpr int64_t items = 5;
  const Shape shape{1, 1, 40, 1024};
  GraphRig one(9), many(9);
  const Value x = one.input(shape), y = many.input({items, 1, 40, 1024});
  const Value a = one.output(one.graph.linear(x, "a", 500)), b = many.output(many.graph.linear(y, "a", 500));
  if (!one.build() || !many.build_with_weights_of(one)) return;
  for (int64_t item = 0; item < items; ++item)
    std::copy(one.floats(x).begin(), one.floats(x).end(), many.floats(y).begin() + item * shape.elements());
  if (!one.run() || !many.run()) return;
  const std::vector<float> alone = one.result(a), among = many.result(b);
  const auto each = static_cast<std::ptrdiff_t>(alone.size());
  for (std::ptrdiff_t item = 0; item < items; ++item)
    CHECK(ipa_test::same_bits(alone, {among.begin() + item * each, among.begin() + (item + 1) * each}));
}

TEST(ops_linear_of_a_slice) {
  for (int64_t offset : {0, 1, 16, 29}) {
    GraphRig rig(5);
    const Value x = rig.input({2, 3, 5, 61});
    rig.output(rig.graph.linear(rig.graph.slice_channels(x, offset, 32), "a", 43));
    rig.output(rig.graph.geglu_linear(rig.graph.slice_channels(x, offset, 1), "b", 43));
    const Value twice = rig.graph.slice_channels(rig.graph.slice_channels(x, offset, 32), 3, 17);
    rig.output(rig.graph.linear(twice, "c", 43));
    rig.check("slice at " + std::to_string(offset));
  }
}

TEST(ops_linears_stack_modules) {
  for (int64_t each : {1, 5, 16, 33, 64, 70}) {
    GraphRig rig(static_cast<uint64_t>(each));
    const Value x = rig.input({2, 1, 9, 30});
    rig.output(rig.graph.linears(x, {"q", "k", "v"}, each, true));
    rig.output(rig.graph.linears(x, {"k", "v"}, each, false));
    rig.check("three modules of " + std::to_string(each));
  }
}

TEST(ops_geglu_linear_over_every_width) {
  for (int64_t out = 1; out <= 35; ++out) {
    GraphRig rig(static_cast<uint64_t>(out));
    rig.output(rig.graph.geglu_linear(rig.input({2, 1, 7, 19}, -3, 3), "a", out));
    rig.check("geglu of width " + std::to_string(out));
  }
  for (int64_t out : {47, 63, 64, 65, 97, 129, 321}) {
    GraphRig rig(static_cast<uint64_t>(out));
    rig.output(rig.graph.geglu_linear(rig.input({1, 1, 98, 33}, -3, 3), "a", out));
    rig.check("geglu of width " + std::to_string(out));
  }
  for (int64_t in : {1, 1024, 1025}) {
    GraphRig rig(static_cast<uint64_t>(in));
    rig.output(rig.graph.geglu_linear(rig.input({1, 1, 3, in}), "a", 45));
    rig.check("geglu of depth " + std::to_string(in));
  }
}

TEST(ops_linear_shares_a_parameter) {
  GraphRig rig(8);
  const Value a = rig.input({1, 1, 5, 12}), b = rig.input({2, 1, 3, 12});
  rig.output(rig.graph.linear(a, "same", 21));
  rig.output(rig.graph.linear(b, "same", 21));
  rig.check("one module, two places");
}

}  // namespace
