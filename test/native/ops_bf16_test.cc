// Products in bf16 against the exact f64 reference: what eight bits of weights and activations cost.
#include <cmath>
#include <limits>

#include "base/bfloat16.h"
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Conv;
using ipa::Value;
using ipa_test::GraphRig;

// A factor is off by at most 2^-9 = 2e-3; sums of many by less of what they are, single ones by twice that.
constexpr double rounding = 6e-3, winograd_rounding = 4e-2;

void check_bf16(GraphRig& rig, Value value, const std::string& what, double allowed = rounding) {
  rig.output(value);
  rig.use(Compute::bf16);
  rig.check("bf16 " + what, allowed);
}

TEST(ops_bf16_linear) {
  // Pairs with and without a rest; chunks of k, vectors, panels and row blocks too.
  for (int64_t in : {1, 2, 17, 128, 333, 1025, 2050})
    for (int64_t out : {1, 16, 33, 64, 130})
      for (int64_t rows : {1, 7, 100}) {
        GraphRig rig(static_cast<uint64_t>(in * 1000 + out + rows));
        const Value x = rig.input({1, 1, rows, in}, -2, 3);
        check_bf16(rig, rig.graph.linear(x, "a", out, out != 33),
                   std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out));
      }
}

TEST(ops_bf16_linears_and_geglu) {
  GraphRig rig(2);
  const Value x = rig.input({2, 3, 5, 70});
  rig.output(rig.graph.linears(x, {"q", "k", "v"}, 40, false));
  check_bf16(rig, rig.graph.geglu_linear(x, "a", 45), "side by side");
}

TEST(ops_bf16_conv2d) {
  for (const Conv& conv : {Conv{3, 3, 2, 1, 1, 1, 1}, Conv{1, 1, 1, 0, 0, 0, 0}, Conv{3, 3, 2, 0, 0, 1, 1},
                           Conv{2, 5, 1, 0, 0, 0, 0}})
    for (int64_t side : {5, 17})
      for (int64_t in : {3, 66, 131}) {
        GraphRig rig(static_cast<uint64_t>(side + in));
        const Value x = rig.input({2, side, side + 1, in});
        check_bf16(rig, rig.graph.conv2d(x, "a", 70, conv),
                   "convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w) + " /" +
                       std::to_string(conv.stride) + " of " + std::to_string(side) + "x" + std::to_string(in));
      }
}

TEST(ops_bf16_winograd) {
  // Tiles inside, on every edge and cut short; channels with and without rests of chunks, pairs and panels;
  // parts.
  for (int64_t in : {32, 33, 64, 100})
    for (int64_t side : {4, 9, 18, 33}) {
      GraphRig rig(static_cast<uint64_t>(in * side));
      check_bf16(rig, rig.graph.conv2d(rig.input({2, side, side + 3, in}), "a", 70),
                 "winograd of " + std::to_string(side) + "x" + std::to_string(in), winograd_rounding);
    }
  GraphRig rig(3);
  const Value x = rig.input({1, 40, 24, 320});
  check_bf16(rig, rig.graph.conv2d(rig.graph.upsample(x, 80, 48), "a", 64), "winograd of an enlargement",
             winograd_rounding);
}

TEST(ops_bf16_epilogue_and_slice) {
  GraphRig rig(4);
  const Value x = rig.graph.slice_channels(rig.input({2, 10, 12, 40}), 3, 34);
  const Value time = rig.input({2, 1, 1, 50});
  const Value residual = rig.input({2, 10, 12, 50});
  Value y = rig.graph.conv2d(x, "a", 50);
  y = rig.graph.add(rig.graph.silu(rig.graph.add(y, time)), residual);
  check_bf16(rig, y, "epilogue", winograd_rounding);
  CHECK_EQ(rig.steps(), 1);
}

// bf16 has the range of f32: nothing is lost beside a value a billion times as large.
TEST(ops_bf16_rows_of_any_size) {
  GraphRig rig(6);
  const Value x = rig.input({1, 1, 4, 24});
  const float factors[] = {1e-9f, 1e9f, 0.0f, 1.0f};
  for (size_t i = 0; i < rig.floats(x).size(); ++i) rig.floats(x)[i] *= factors[i / 24];
  const Value y = rig.output(rig.graph.linear(x, "a", 30, false));
  rig.use(Compute::bf16);
  CHECK(rig.build() && rig.run());
  const std::vector<float> result = rig.result(y);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(y.id)];
  for (int64_t row = 0; row < 4; ++row) {
    double largest = 0, error = 0;
    for (int64_t c = 0; c < 30; ++c) {
      largest = std::max(largest, std::fabs(exact.row(row, c)));
      error = std::max(
          error, std::fabs(exact.row(row, c) - static_cast<double>(result[static_cast<size_t>(row * 30 + c)])));
    }
    CHECK(error <= rounding * largest);
  }
}

// Halfway cases go to even; infinity and NaN stay what they are.
TEST(base_bfloat16_rounds_to_even) {
  CHECK_EQ(ipa::to_bfloat16(1.0f).bits, 0x3f80);
  CHECK_EQ(ipa::to_bfloat16(1.00390625f).bits, 0x3f80);   // 1 + 2^-8
  CHECK_EQ(ipa::to_bfloat16(1.01171875f).bits, 0x3f82);   // 1 + 3 * 2^-8
  CHECK_EQ(ipa::to_bfloat16(-1.00390637f).bits, 0xbf81);  // just past the half
  CHECK_EQ(ipa::to_bfloat16(3.4e38f).bits, 0x7f80);
  CHECK_EQ(ipa::to_bfloat16(std::numeric_limits<float>::infinity()).bits, 0x7f80);
  CHECK(std::isnan(ipa::to_float(ipa::to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
