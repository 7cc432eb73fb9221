// Products in int16 against the exact f64 reference: what thirteen bits of weights and activations cost.
#include <algorithm>
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Conv;
using ipa::Value;
using ipa_test::GraphRig;

// bf16 has 4e-3 a factor.
constexpr double rounding = 5e-4, winograd_rounding = 3e-3;

void check_int16(GraphRig& rig, Value value, const std::string& what, double allowed = rounding) {
  rig.output(value);
  rig.use(Compute::int16);
  rig.check("int16 " + what, allowed);
}

TEST(ops_int16_linear) {
  // Pairs with and without a rest; chunks of k, vectors, panels and row blocks too.
  for (int64_t in : {1, 2, 17, 128, 129, 333})
    for (int64_t out : {1, 16, 33, 64, 130})
      for (int64_t rows : {1, 7, 100}) {
        GraphRig rig(static_cast<uint64_t>(in * 1000 + out + rows));
        const Value x = rig.input({1, 1, rows, in}, -2, 3);
        check_int16(rig, rig.graph.linear(x, "a", out, out != 33),
                    std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out));
      }
}

// Weights of eight bits: the error is theirs.
TEST(ops_int8_weights) {
  for (int64_t in : {1, 2, 17, 129, 333})
    for (int64_t out : {1, 33, 130}) {
      GraphRig rig(static_cast<uint64_t>(in * 1000 + out));
      rig.output(rig.graph.linear(rig.input({1, 1, 13, in}, -2, 3), "a", out));
      rig.use(Compute::int8_weights);
      rig.check("bytes " + std::to_string(in) + " -> " + std::to_string(out), 8e-3);
    }
  GraphRig rig(2);
  const Value x = rig.input({2, 9, 8, 70});
  rig.output(rig.graph.geglu_linear(x, "a", 45));
  rig.output(rig.graph.conv2d(x, "b", 40));
  rig.use(Compute::int8_weights);
  rig.check("bytes", 8e-3);
}

TEST(ops_int8_weights_winograd) {
  for (int64_t in : {32, 33, 100})
    for (int64_t side : {4, 18, 33}) {
      GraphRig rig(static_cast<uint64_t>(in * side));
      rig.output(rig.graph.conv2d(rig.input({2, side, side + 3, in}), "a", 70));
      rig.use(Compute::int8_weights);
      rig.check("bytes, winograd of " + std::to_string(side) + "x" + std::to_string(in), 8e-3);
    }
}

TEST(ops_int16_linears_and_geglu) {
  GraphRig rig(2);
  const Value x = rig.input({2, 3, 5, 70});
  rig.output(rig.graph.linears(x, {"q", "k", "v"}, 40, false));
  check_int16(rig, rig.graph.geglu_linear(x, "a", 45), "side by side");
}

TEST(ops_int16_conv2d) {
  for (const Conv& conv : {Conv{3, 3, 2, 1, 1, 1, 1}, Conv{1, 1, 1, 0, 0, 0, 0}, Conv{3, 3, 2, 0, 0, 1, 1},
                           Conv{2, 5, 1, 0, 0, 0, 0}})
    for (int64_t side : {5, 17})
      for (int64_t in : {3, 66, 131}) {
        GraphRig rig(static_cast<uint64_t>(side + in));
        const Value x = rig.input({2, side, side + 1, in});
        check_int16(rig, rig.graph.conv2d(x, "a", 70, conv),
                    "convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w) +
                        " /" + std::to_string(conv.stride) + " of " + std::to_string(side) + "x" +
                        std::to_string(in));
      }
}

TEST(ops_int16_winograd) {
  // Tiles inside, on every edge and cut short; channels with and without rests of chunks, pairs and panels;
  // parts.
  for (int64_t in : {32, 33, 64, 100})
    for (int64_t side : {4, 9, 18, 33}) {
      GraphRig rig(static_cast<uint64_t>(in * side));
      check_int16(rig, rig.graph.conv2d(rig.input({2, side, side + 3, in}), "a", 70),
                  "winograd of " + std::to_string(side) + "x" + std::to_string(in), winograd_rounding);
    }
  GraphRig rig(3);
  const Value x = rig.input({1, 40, 24, 320});
  check_int16(rig, rig.graph.conv2d(rig.graph.upsample(x, 80, 48), "a", 64), "winograd of an enlargement",
              winograd_rounding);
}

TEST(ops_int16_epilogue_and_slice) {
  GraphRig rig(4);
  const Value x = rig.graph.slice_channels(rig.input({2, 10, 12, 40}), 3, 34);
  const Value time = rig.input({2, 1, 1, 50});
  const Value residual = rig.input({2, 10, 12, 50});
  Value y = rig.graph.conv2d(x, "a", 50);
  y = rig.graph.add(rig.graph.silu(rig.graph.add(y, time)), residual);
  check_int16(rig, y, "epilogue", winograd_rounding);
  CHECK_EQ(rig.steps(), 1);
}

// A channel a thousand times as large as the rest takes no bits from another chunk of 128.
TEST(ops_int16_keeps_outliers_apart) {
  GraphRig rig(5);
  const Value x = rig.input({1, 1, 6, 256});
  for (size_t i = 0; i < rig.floats(x).size(); ++i)
    if (i % 256 < 128) rig.floats(x)[i] *= i % 256 == 5 ? 1000.0f : 0.0f;
  const Value y = rig.output(rig.graph.linear(x, "a", 40, false));
  rig.use(Compute::int16);
  CHECK(rig.build() && rig.run());
  const std::vector<float> result = rig.result(y);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(y.id)];
  for (int64_t row = 0; row < 6; ++row) {
    double largest = 0, error = 0;
    for (int64_t c = 0; c < 40; ++c) {
      largest = std::max(largest, std::fabs(exact.row(row, c)));
      error = std::max(
          error, std::fabs(exact.row(row, c) - static_cast<double>(result[static_cast<size_t>(row * 40 + c)])));
    }
    CHECK(error < rounding * largest);
  }
}

TEST(ops_int16_rows_of_any_size) {
  GraphRig rig(6);
  const Value x = rig.input({1, 1, 5, 24});
  const float factors[] = {1e-6f, 1e6f, 0.0f, 1.0f, 1e-38f};
  for (size_t i = 0; i < rig.floats(x).size(); ++i) rig.floats(x)[i] *= factors[i / 24];
  const Value y = rig.output(rig.graph.linear(x, "a", 30, false));
  rig.use(Compute::int16);
  CHECK(rig.build() && rig.run());
  const std::vector<float> result = rig.result(y);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(y.id)];
  for (int64_t row : {0, 1, 3}) {
    double largest = 0, error = 0;
    for (int64_t c = 0; c < 30; ++c) {
      largest = std::max(largest, std::fabs(exact.row(row, c)));
      error = std::max(
          error, std::fabs(exact.row(row, c) - static_cast<double>(result[static_cast<size_t>(row * 30 + c)])));
    }
    CHECK(error < rounding * largest);
  }
}

// Every word of the inputs at its limit.
TEST(ops_int16_of_constant_inputs) {
  GraphRig rig(7);
  const Value x = rig.input({1, 12, 12, 256}, 1, 1);
  rig.output(rig.graph.linear(x, "b", 20, false));
  check_int16(rig, rig.graph.conv2d(x, "a", 64), "constant inputs", winograd_rounding);
}

}  // namespace
