// Products of 16-bit pairs, in int16 and bf16, against the exact f64 reference:
// what thirteen bits of weights and activations cost, and what eight do.
#include <algorithm>
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Conv;
using ipa::Value;
using ipa_test::GraphRig;

struct Pairs {
  Compute compute;
  const char* name;
  double rounding, winograd_rounding;
};
constexpr Pairs int16 = {Compute::int16, "int16 ", 5e-4, 3e-3};
// A factor is off by at most 2^-9 = 2e-3; sums of many by less of what they are, single ones by twice that.
constexpr Pairs bf16 = {Compute::bf16, "bf16 ", 6e-3, 4e-2};

// One body, a test for each type.
#define PAIRS_TEST(name)                          \
  static void pairs_##name(const Pairs& type);    \
  TEST(ops_int16_##name) { pairs_##name(int16); } \
  TEST(ops_bf16_##name) { pairs_##name(bf16); }   \
  static void pairs_##name(const Pairs& type)

void check_pairs(GraphRig& rig, const Pairs& type, Value value, const std::string& what, double allowed) {
  rig.output(value);
  rig.use(type.compute);
  rig.check(type.name + what, allowed);
}

// Every row of the output is right in proportion to its own largest value.
void check_rows(GraphRig& rig, const Pairs& type, Value value, const std::vector<int64_t>& rows) {
  const int64_t columns = rig.graph.shape(value).c;
  rig.output(value);
  rig.use(type.compute);
  CHECK(rig.build() && rig.run());
  const std::vector<float> result = rig.result(value);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(value.id)];
  for (const int64_t row : rows) {
    double largest = 0, error = 0;
    for (int64_t c = 0; c < columns; ++c) {
      const double wanted = exact.row(row, c), got = result[static_cast<size_t>(row * columns + c)];
      largest = std::max(largest, std::fabs(wanted));
      error = std::max(error, std::fabs(wanted - got));
    }
    CHECK(error <= type.rounding * largest);
  }
}

PAIRS_TEST(linear) {
  // Pairs with and without a rest; chunks of k, vectors, panels and row blocks too.
  for (int64_t in : {1, 2, 17, 128, 129, 333, 1025, 2050})
    for (int64_t out : {1, 16, 33, 64, 130})
      for (int64_t rows : {1, 7, 100}) {
        GraphRig rig(static_cast<uint64_t>(in * 1000 + out + rows));
        const Value x = rig.input({1, 1, rows, in}, -2, 3);
        check_pairs(rig, type, rig.graph.linear(x, "a", out, out != 33),
                    std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out),
                    type.rounding);
      }
}

PAIRS_TEST(linears_and_geglu) {
  GraphRig rig(2);
  const Value x = rig.input({2, 3, 5, 70});
  rig.output(rig.graph.linears(x, {"q", "k", "v"}, 40, false));
  check_pairs(rig, type, rig.graph.geglu_linear(x, "a", 45), "side by side", type.rounding);
}

PAIRS_TEST(conv2d) {
  for (const Conv& conv : {Conv{3, 3, 2, 1, 1, 1, 1}, Conv{1, 1, 1, 0, 0, 0, 0}, Conv{3, 3, 2, 0, 0, 1, 1},
                           Conv{2, 5, 1, 0, 0, 0, 0}})
    for (int64_t side : {5, 17})
      for (int64_t in : {3, 66, 131}) {
        GraphRig rig(static_cast<uint64_t>(side + in));
        const Value x = rig.input({2, side, side + 1, in});
        check_pairs(rig, type, rig.graph.conv2d(x, "a", 70, conv),
                    "convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w) +
                        " /" + std::to_string(conv.stride) + " of " + std::to_string(side) + "x" +
                        std::to_string(in),
                    type.rounding);
      }
}

PAIRS_TEST(winograd) {
  // Tiles inside, on every edge and cut short;
  // channels with and without rests of chunks, pairs and panels; parts.
  for (int64_t in : {32, 33, 64, 100})
    for (int64_t side : {4, 9, 18, 33}) {
      GraphRig rig(static_cast<uint64_t>(in * side));
      check_pairs(rig, type, rig.graph.conv2d(rig.input({2, side, side + 3, in}), "a", 70),
                  "winograd of " + std::to_string(side) + "x" + std::to_string(in), type.winograd_rounding);
    }
  GraphRig rig(3);
  const Value x = rig.input({1, 40, 24, 320});
  check_pairs(rig, type, rig.graph.conv2d(rig.graph.upsample(x, 80, 48), "a", 64), "winograd of an enlargement",
              type.winograd_rounding);
}

PAIRS_TEST(epilogue_and_slice) {
  GraphRig rig(4);
  const Value x = rig.graph.slice_channels(rig.input({2, 10, 12, 40}), 3, 34);
  const Value time = rig.input({2, 1, 1, 50});
  const Value residual = rig.input({2, 10, 12, 50});
  Value y = rig.graph.conv2d(x, "a", 50);
  y = rig.graph.add(rig.graph.silu(rig.graph.add(y, time)), residual);
  check_pairs(rig, type, y, "epilogue", type.winograd_rounding);
  CHECK_EQ(rig.steps(), 1);
}

// A channel a thousand times as large as the rest takes no bits from another chunk of 128.
TEST(ops_int16_keeps_outliers_apart) {
  GraphRig rig(5);
  const Value x = rig.input({1, 1, 6, 256});
  for (size_t i = 0; i < rig.floats(x).size(); ++i)
    if (i % 256 < 128) rig.floats(x)[i] *= i % 256 == 5 ? 1000.0f : 0.0f;
  check_rows(rig, int16, rig.graph.linear(x, "a", 40, false), {0, 1, 2, 3, 4, 5});
}

// Nothing is lost beside a value a billion times as large: integers have a scale per row, bf16 the range of f32.
PAIRS_TEST(rows_of_any_size) {
  GraphRig rig(6);
  const Value x = rig.input({1, 1, 5, 24});
  const float factors[] = {1e-9f, 1e9f, 0.0f, 1.0f, 1e-38f};
  for (size_t i = 0; i < rig.floats(x).size(); ++i) rig.floats(x)[i] *= factors[i / 24];
  check_rows(rig, type, rig.graph.linear(x, "a", 30, false), {0, 1, 2, 3});
}

// Every word of the inputs at its limit.
PAIRS_TEST(of_constant_inputs) {
  GraphRig rig(7);
  const Value x = rig.input({1, 12, 12, 256}, 1, 1);
  rig.output(rig.graph.linear(x, "b", 20, false));
  check_pairs(rig, type, rig.graph.conv2d(x, "a", 64), "constant inputs", type.winograd_rounding);
}

}  // namespace
