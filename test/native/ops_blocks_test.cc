// Weights that stay as the codes and scales of a GGUF file give the bits of the same weights widened, in less memory.
#include <functional>

#include "block_weights.h"
#include "graph_rig.h"
#include "harness.h"
#include "weights/dtype.h"

namespace {

using ipa::Conv;
using ipa::DType;
using ipa::Value;
using ipa_test::GraphRig;

// Where weights in blocks are multiplied: on a GPU, in 16 bits.
bool multiplies_blocks() {
  const ipa_test::TestDevice& device = ipa_test::test_device();
  return device.is_gpu() && device.compute != ipa::Compute::f32;
}

// `kept`: all of the matrices are kept in blocks.
void check_blocks(const std::string& what, const std::vector<DType>& types,
                  const std::function<Value(GraphRig&)>& describe, bool kept = true) {
  GraphRig narrow(7), wide(7);
  const Value a = narrow.output(describe(narrow)), b = wide.output(describe(wide));
  narrow.use_blocks(types);
  narrow.check(what);
  if (!multiplies_blocks()) return;
  if (narrow.keeps_blocks() != kept) ipa_test::fail(__FILE__, __LINE__, what + ": are not kept as expected");
  CHECK(wide.build_with_weights_of(narrow) && wide.run());
  if (!ipa_test::same_bits(narrow.result(a), wide.result(b)))
    ipa_test::fail(__FILE__, __LINE__, what + ": other bits than with widened weights");
  CHECK(!kept || narrow.weight_bytes() < wide.weight_bytes());
}

void check_each_type(const std::string& what, const std::function<Value(GraphRig&)>& describe,
                     bool kept = true) {
  for (const DType type : ipa_test::block_types())
    check_blocks(what + " in " + ipa::dtype_name(type), {type}, describe, kept);
}

}  // namespace

TEST(ops_blocks_linear) {
  // Whole blocks of 256, rows that they reach beyond, and rows with groups of eight; odd widths.
  for (const auto& [in, out] :
       {std::pair<int64_t, int64_t>{256, 65}, {320, 68}, {1280, 33}, {40, 160}, {32, 8}})
    for (const int64_t rows : {1, 77})
      check_each_type(
          "linear of " + std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out),
          [in = in, out = out, rows](GraphRig& rig) {
            return rig.graph.linear(rig.input({1, 1, rows, in}), "a", out);
          });
}

TEST(ops_blocks_linear_in_large_tiles) {
  check_each_type("linear in large tiles",
                  [](GraphRig& rig) { return rig.graph.linear(rig.input({1, 1, 1100, 64}), "a", 1028); });
  check_each_type("linear in tall tiles",
                  [](GraphRig& rig) { return rig.graph.linear(rig.input({1, 1, 1100, 64}), "a", 516); });
}

TEST(ops_blocks_geglu) {
  for (const int64_t out : {64, 44, 96})
    check_each_type("geglu " + std::to_string(out), [out](GraphRig& rig) {
      return rig.graph.geglu_linear(rig.input({2, 1, 9, 64}), "a", out);
    });
}

TEST(ops_blocks_side_by_side) {
  const auto describe = [](GraphRig& rig) {
    return rig.graph.linears(rig.input({2, 3, 5, 64}), {"q", "k", "v"}, 40, false);
  };
  check_each_type("three linears", describe);
  // Each tensor of another type.
  for (const DType first : ipa_test::block_types())
    for (const DType second : {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k})
      check_blocks(
          std::string("three linears in ") + ipa::dtype_name(first) + " and " + ipa::dtype_name(second),
          {first, second}, describe);
}

TEST(ops_blocks_conv1x1) {
  check_each_type("convolution 1x1",
                  [](GraphRig& rig) { return rig.graph.conv1x1(rig.input({2, 5, 6, 64}), "a", 36); });
}

TEST(ops_blocks_conv2d) {
  // In few pixels the sums are split; the last channels are no whole part of what is turned over at once.
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{32, 40}, {264, 32}})
    check_each_type("convolution of " + std::to_string(in), [in = in, out = out](GraphRig& rig) {
      return rig.graph.conv2d(rig.input({2, 5, 6, in}), "a", out);
    });
  for (const Conv& conv : {Conv{3, 3, 2, 1, 1, 1, 1}, Conv{2, 5, 1, 0, 0, 0, 0}, Conv{14, 14, 14, 0, 0, 0, 0}})
    check_each_type("convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w),
                    [&](GraphRig& rig) { return rig.graph.conv2d(rig.input({1, 15, 16, 16}), "a", 48, conv); });
}

TEST(ops_blocks_of_rows_without_alignment) {
  check_each_type("linear of a slice", [](GraphRig& rig) {
    return rig.graph.linear(rig.graph.slice_channels(rig.input({1, 5, 6, 90}), 3, 64), "a", 36);
  });
}

// Rows that no scale is whole for eight weights of.
TEST(ops_blocks_that_are_widened) {
  check_each_type(
      "linear of 20", [](GraphRig& rig) { return rig.graph.linear(rig.input({1, 1, 9, 20}), "a", 64); }, false);
}
