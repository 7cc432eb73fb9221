// conv2d, alone and over an enlarged input, against the f64 reference.
#include <algorithm>
#include <tuple>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Conv;
using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::to_string;

void check_conv(Shape shape, int64_t out, Conv conv, bool bias = true) {
  GraphRig rig(static_cast<uint64_t>(shape.elements() * 7 + out));
  rig.output(rig.graph.conv2d(rig.input(shape), "a", out, conv, bias));
  rig.check("convolution " + std::to_string(conv.kernel_h) + "x" + std::to_string(conv.kernel_w) + " stride " +
            std::to_string(conv.stride) + " of " + to_string(shape) + " -> " + std::to_string(out));
}

TEST(ops_conv2d_3x3_over_small_pictures) {
  // On one pixel all taps but one are outside; on one row a whole side is.
  for (int64_t h : {1, 2, 3, 5})
    for (int64_t w : {1, 2, 3, 4, 9}) check_conv({2, h, w, 5}, 9, {});
}

TEST(ops_conv2d_3x3_over_channels) {
  for (int64_t in : {1, 3, 4, 16, 17, 64})
    for (int64_t out : {1, 3, 8, 16, 17, 63, 65}) check_conv({1, 4, 5, in}, out, {}, out % 2 == 1);
  check_conv({1, 2, 2, 1030}, 20, {});
}

TEST(ops_conv2d_over_row_blocks) {
  for (int64_t w : {95, 96, 97}) check_conv({1, 1, w, 3}, 130, {});
  check_conv({3, 13, 15, 6}, 130, {});
  check_conv({3, 1, 1, 6}, 70, {});
}

TEST(ops_conv2d_1x1) {
  for (int64_t n = 1; n <= 3; ++n) check_conv({n, 5, 7, 12}, 35, {1, 1, 1, 0, 0, 0, 0});
  check_conv({2, 5, 7, 12}, 35, {1, 1, 2, 0, 0, 0, 0});
  check_conv({2, 5, 7, 12}, 35, {1, 1, 1, 1, 1, 1, 1});
  GraphRig rig(2);
  rig.output(rig.graph.conv1x1(rig.input({2, 6, 3, 21}), "a", 19));
  rig.check("conv1x1");
}

TEST(ops_conv2d_strides) {
  for (int stride : {2, 3})
    for (int64_t size : {3, 4, 7, 8}) {
      check_conv({2, size, size + 1, 6}, 10, {3, 3, stride, 1, 1, 1, 1});
      check_conv({1, size, size, 6}, 10, {3, 3, stride, 0, 0, 0, 0});
    }
}

TEST(ops_conv2d_asymmetric_padding) {
  // The autoencoder's downsampler pads below and to the right only.
  for (int64_t size : {2, 3, 8, 9}) check_conv({2, size, size + 3, 5}, 12, {3, 3, 2, 0, 0, 1, 1});
  check_conv({1, 4, 6, 5}, 12, {3, 3, 1, 2, 0, 0, 1});
  check_conv({1, 4, 6, 5}, 12, {3, 3, 1, 0, 2, 1, 0});
  check_conv({2, 2, 2, 3}, 7, {3, 3, 1, 3, 4, 2, 5});
}

TEST(ops_conv2d_other_kernels) {
  check_conv({2, 6, 7, 9}, 21, {5, 3, 1, 2, 1, 2, 1});
  check_conv({2, 2, 7, 9}, 21, {5, 3, 2, 2, 1, 2, 1});
  check_conv({1, 6, 7, 9}, 21, {1, 5, 1, 0, 2, 0, 2});
  check_conv({1, 9, 9, 4}, 21, {7, 7, 1, 3, 3, 3, 3});
  check_conv({1, 5, 5, 4}, 21, {5, 5, 1, 0, 0, 0, 0});
  check_conv({1, 4, 4, 4}, 5, {4, 4, 4, 0, 0, 0, 0});
}

TEST(ops_conv2d_patches) {
  check_conv({2, 28, 42, 3}, 40, {14, 14, 14, 0, 0, 0, 0}, false);
  check_conv({1, 31, 29, 3}, 17, {14, 14, 14, 0, 0, 0, 0}, false);
  check_conv({1, 14, 14, 3}, 17, {14, 14, 14, 0, 0, 0, 0}, true);
  // Patches of a view, whose pixels are not neighbours in memory.
  GraphRig rig(4);
  const Value x = rig.graph.slice_channels(rig.input({2, 28, 28, 5}), 1, 3);
  rig.output(rig.graph.conv2d(x, "a", 20, {14, 14, 14, 0, 0, 0, 0}, false));
  rig.check("patches of a slice");
}

TEST(ops_conv2d_of_a_slice) {
  for (int64_t offset : {0, 3, 20}) {
    GraphRig rig(6);
    const Value x = rig.graph.slice_channels(rig.input({2, 5, 6, 40}), offset, 20);
    rig.output(rig.graph.conv2d(x, "a", 33));
    rig.output(rig.graph.conv1x1(x, "b", 33));
    rig.check("convolution of a slice at " + std::to_string(offset));
  }
}

TEST(ops_conv2d_of_an_enlargement) {
  for (int64_t h : {1, 2, 3, 7})
    for (int64_t w : {1, 4, 5}) {
      for (const auto& to :
           {std::pair<int64_t, int64_t>{2 * h, 2 * w}, {2 * h - 1, 2 * w + 1}, {h, w}, {3 * h + 1, w + 2}}) {
        GraphRig rig(static_cast<uint64_t>(h * 100 + w));
        rig.output(rig.graph.conv2d(rig.graph.upsample(rig.input({2, h, w, 6}), to.first, to.second), "a", 11));
        rig.check("enlarged from " + std::to_string(h) + "x" + std::to_string(w) + " to " +
                  std::to_string(to.first) + "x" + std::to_string(to.second));
        CHECK_EQ(rig.steps(), 1);
      }
    }
}

// With 32 channels and more Winograd's algorithm is used. Its transforms lose more than a direct sum does:
// about a decimal digit for F(4x4) (Lavin and Gray, section 5).
constexpr double winograd_tolerance = 4 * ipa_test::tolerance;

void check_large(const std::string& what, GraphRig& rig, Value value) {
  rig.output(value);
  rig.check(what, winograd_tolerance);
}

TEST(ops_conv2d_large_pictures) {
  // Whole tiles, cut ones at both edges, pictures of one tile in height; vectors and panels with rests.
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{16, 16},
                             {17, 19},
                             {2, 130},
                             {1, 300},
                             {31, 33},
                             {32, 32},
                             {33, 35},
                             {34, 61},
                             {3, 400},
                             {4, 257}})
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{32, 32}, {33, 67}, {70, 130}}) {
      GraphRig rig(static_cast<uint64_t>(h * w + in));
      const std::string what =
          std::to_string(h) + "x" + std::to_string(w) + "x" + std::to_string(in) + " -> " + std::to_string(out);
      check_large("large convolution " + what, rig,
                  rig.graph.conv2d(rig.input({in == 33 ? 2 : 1, h, w, in}), "a", out, {}, in != 70));
    }
}

TEST(ops_conv2d_large_many_channels) {
  // Sums in more than one part, tiles in more than one.
  GraphRig rig(3);
  check_large("1030 channels", rig, rig.graph.conv2d(rig.input({1, 32, 33, 1030}), "a", 40));
  GraphRig wide(4);
  check_large("many tiles", wide, wide.graph.conv2d(wide.input({3, 70, 90, 96}), "a", 34));
}

TEST(ops_conv2d_large_epilogue) {
  for (int64_t side : {17, 34}) {
    GraphRig rig(static_cast<uint64_t>(side));
    const Value x = rig.input({2, side, side, 40});
    const Value time = rig.input({2, 1, 1, 50});
    const Value residual = rig.input({2, side, side, 50});
    Value y = rig.graph.silu(rig.graph.add(rig.graph.conv2d(x, "a", 50), time));
    check_large("epilogue at " + std::to_string(side), rig, rig.graph.add(y, residual));
    CHECK_EQ(rig.steps(), 1);
  }
}

TEST(ops_conv2d_large_of_a_slice_and_an_enlargement) {
  for (int64_t side : {17, 34}) {
    GraphRig slice(5);
    const Value part = slice.graph.slice_channels(slice.input({2, side, side, 60}), 7, 37);
    check_large("slice", slice, slice.graph.conv2d(part, "a", 40));
    GraphRig enlarged(6);
    const Value source = enlarged.input({2, side / 2, side / 2, 36});
    check_large("enlargement", enlarged,
                enlarged.graph.conv2d(enlarged.graph.upsample(source, side, side + 1), "a", 40));
    CHECK_EQ(enlarged.steps(), 1);
  }
}

TEST(ops_conv2d_one_weight_for_large_and_small_pictures) {
  // The algorithm depends on the picture, the packed weights do not.
  GraphRig rig(8);
  const Value large = rig.graph.conv2d(rig.input({1, 33, 32, 40}), "a", 40);
  const Value small = rig.graph.conv2d(rig.input({2, 1, 2, 40}), "a", 40);
  rig.output(large);
  check_large("a large and a small picture", rig, small);
}

TEST(ops_conv2d_does_not_depend_on_the_batch) {
  // The last is so deep and of so few pixels that a GPU splits its sums.
  for (const auto& [side, in, out] :
       {std::tuple<int64_t, int64_t, int64_t>{4, 40, 50}, {16, 40, 50}, {33, 40, 50}, {6, 128, 500}}) {
    GraphRig one(9), many(9);
    const Value x = one.input({1, side, side, in}), y = many.input({5, side, side, in});
    const Value a = one.output(one.graph.conv2d(x, "a", out)), b = many.output(many.graph.conv2d(y, "a", out));
    CHECK(one.build() && many.build_with_weights_of(one));
    for (int64_t item = 0; item < 5; ++item)
      std::copy(one.floats(x).begin(), one.floats(x).end(), many.floats(y).begin() + item * side * side * in);
    CHECK(one.run() && many.run());
    const std::vector<float> alone = one.result(a), among = many.result(b);
    for (size_t item = 0; item < 5; ++item)
      CHECK(ipa_test::same_bits(alone, {among.begin() + static_cast<int64_t>(item * alone.size()),
                                        among.begin() + static_cast<int64_t>((item + 1) * alone.size())}));
  }
}

}  // namespace
