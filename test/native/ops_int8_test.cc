// Products in int8 against the f64 reference of the same rounding (reference_graph.cc):
// sums of integers are exact, so only the scales round.
#include <algorithm>
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Conv;
using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;

void check_int8(GraphRig& rig, Value value, const std::string& what) {
  rig.output(value);
  rig.use(ipa::Compute::int8);
  rig.check("int8 " + what);
}

TEST(ops_int8_linear) {
  // Groups of four with every rest; vectors, panels and row blocks with and without rests.
  for (int64_t in : {1, 3, 4, 17, 64, 333})
    for (int64_t out : {1, 16, 33, 64, 130})
      for (int64_t rows : {1, 7, 100}) {
        GraphRig rig(static_cast<uint64_t>(in * 1000 + out + rows));
        const Value x = rig.input({1, 1, rows, in}, -2, 3);
        check_int8(rig, rig.graph.linear(x, "a", out, out != 33),
                   std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out));
      }
}

TEST(ops_int8_linears_side_by_side) {
  GraphRig rig(2);
  const Value x = rig.input({2, 3, 5, 70});
  check_int8(rig, rig.graph.linears(x, {"q", "k", "v"}, 40, false), "three linears");
}

TEST(ops_int8_geglu) {
  for (int64_t out : {5, 16, 40, 70}) {
    GraphRig rig(static_cast<uint64_t>(out));
    const Value x = rig.input({2, 1, 9, 50});
    check_int8(rig, rig.graph.geglu_linear(x, "a", out), "geglu " + std::to_string(out));
  }
}

TEST(ops_int8_conv2d) {
  for (const Conv& conv : {Conv{}, Conv{3, 3, 2, 1, 1, 1, 1}, Conv{1, 1, 1, 0, 0, 0, 0},
                           Conv{3, 3, 2, 0, 0, 1, 1}, Conv{2, 5, 1, 0, 0, 0, 0}})
    for (int64_t side : {5, 17})
      for (int64_t in : {3, 66}) {
        GraphRig rig(static_cast<uint64_t>(side + in));
        const Value x = rig.input({2, side, side + 1, in});
        check_int8(rig, rig.graph.conv2d(x, "a", 70, conv),
                   "convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w) + " /" +
                       std::to_string(conv.stride) + " of " + std::to_string(side) + "x" + std::to_string(in));
      }
}

TEST(ops_int8_large_picture) {
  // In f32 this size goes through Winograd's algorithm; in int8 it does not.
  GraphRig rig(3);
  check_int8(rig, rig.graph.conv2d(rig.input({1, 33, 40, 64}), "a", 64), "large convolution");
}

TEST(ops_int8_epilogue_slice_and_enlargement) {
  GraphRig rig(4);
  const Value x = rig.graph.slice_channels(rig.input({2, 5, 6, 40}), 3, 30);
  const Value time = rig.input({2, 1, 1, 50});
  const Value residual = rig.input({2, 10, 12, 50});
  Value y = rig.graph.conv2d(rig.graph.upsample(x, 10, 12), "a", 50);
  y = rig.graph.add(rig.graph.silu(rig.graph.add(y, time)), residual);
  check_int8(rig, y, "epilogue");
  CHECK_EQ(rig.steps(), 1);
}

TEST(ops_int8_rows_of_any_size) {
  ON_CPU_ALONE("a GPU multiplies weights of 8 bits with values of 16");
  // A scale per row: small rows keep their precision beside large ones; a row of zeros gives the bias.
  GraphRig rig(5);
  const Value x = rig.input({1, 1, 5, 24});
  std::vector<float>& floats = rig.floats(x);
  const float factors[] = {1e-6f, 1e6f, 0.0f, 1.0f, 1e-38f};
  for (size_t i = 0; i < floats.size(); ++i) floats[i] *= factors[i / 24];
  const Value y = rig.output(rig.graph.linear(x, "a", 30, false));
  rig.use(ipa::Compute::int8);
  CHECK(rig.build());
  CHECK(rig.run());
  const std::vector<float> result = rig.result(y);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(y.id)];
  for (int64_t row = 0; row < 5; ++row) {
    double largest = 0, error = 0;
    for (int64_t c = 0; c < 30; ++c) {
      largest = std::max(largest, std::fabs(exact.row(row, c)));
      error = std::max(
          error, std::fabs(exact.row(row, c) - static_cast<double>(result[static_cast<size_t>(row * 30 + c)])));
    }
    CHECK(row == 2 || row == 4 ? largest == 0 && error == 0 : error < 4e-6 * largest);
  }
}

// Weights of eight bits: the error is theirs.
TEST(ops_int8_weights) {
  for (int64_t in : {1, 2, 17, 129, 333})
    for (int64_t out : {1, 33, 130}) {
      GraphRig rig(static_cast<uint64_t>(in * 1000 + out));
      rig.output(rig.graph.linear(rig.input({1, 1, 13, in}, -2, 3), "a", out));
      rig.use(ipa::Compute::int8_weights);
      rig.check("bytes " + std::to_string(in) + " -> " + std::to_string(out), 8e-3);
    }
  GraphRig rig(2);
  const Value x = rig.input({2, 9, 8, 70});
  rig.output(rig.graph.geglu_linear(x, "a", 45));
  rig.output(rig.graph.conv2d(x, "b", 40));
  rig.use(ipa::Compute::int8_weights);
  rig.check("bytes", 8e-3);
}

TEST(ops_int8_weights_winograd) {
  for (int64_t in : {32, 33, 100})
    for (int64_t side : {4, 18, 33}) {
      GraphRig rig(static_cast<uint64_t>(in * side));
      rig.output(rig.graph.conv2d(rig.input({2, side, side + 3, in}), "a", 70));
      rig.use(ipa::Compute::int8_weights);
      rig.check("bytes, winograd of " + std::to_string(side) + "x" + std::to_string(in), 8e-3);
    }
}

}  // namespace
