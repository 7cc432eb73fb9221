// Ops that move rows: they must give exactly the numbers they were given.
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::to_string;

// A copy has no rounding: the outputs equal the reference, which holds the same floats in f64.
void check_exact(GraphRig& rig, const std::string& what) {
  rig.check(what);
  const auto expected = rig.expected();
  for (Value value : rig.program().plan().graph().outputs())
    if (ipa_test::relative_error(rig.result(value), expected[static_cast<size_t>(value.id)]) != 0)
      ipa_test::fail(__FILE__, __LINE__, what + ": a copy changed a number");
}

TEST(ops_concat_channels) {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{3, 1, 9, 16}, Shape{1, 33, 41, 20}})
    for (int64_t other : {1, 4, 17}) {
      GraphRig rig(1);
      rig.output(rig.graph.concat_channels(rig.input(shape), rig.input(shape.with_channels(other))));
      check_exact(rig, "channels " + to_string(shape) + " and " + std::to_string(other));
    }
  GraphRig rig(2);
  const Value x = rig.input({2, 3, 4, 30});
  rig.output(rig.graph.concat_channels(rig.graph.slice_channels(x, 20, 10), rig.graph.slice_channels(x, 3, 9)));
  rig.output(rig.graph.concat_channels(x, x));
  check_exact(rig, "channels of slices");
}

TEST(ops_concat_tokens) {
  for (int64_t n = 1; n <= 3; ++n)
    for (int64_t first : {1, 4, 77})
      for (int64_t second : {1, 16}) {
        GraphRig rig(3);
        rig.output(rig.graph.concat_tokens(rig.input({n, 1, first, 13}), rig.input({n, 1, second, 13})));
        check_exact(rig, "tokens " + std::to_string(first) + " and " + std::to_string(second));
      }
  GraphRig rig(4);
  const Value x = rig.input({2, 4, 5, 30});
  rig.output(rig.graph.concat_tokens(rig.graph.slice_channels(x, 20, 8), rig.graph.slice_channels(x, 3, 8)));
  check_exact(rig, "tokens of pictures' slices");
}

TEST(ops_views_of_views) {
  GraphRig rig(5);
  const Value x = rig.input({2, 4, 6, 24});
  const Value wide = rig.graph.reshape(x, {2, 1, 12, 48});
  const Value inner = rig.graph.slice_channels(rig.graph.slice_channels(wide, 5, 40), 7, 11);
  rig.output(rig.graph.concat_channels(inner, rig.graph.slice_channels(wide, 47, 1)));
  rig.output(rig.graph.concat_channels(rig.graph.reshape(rig.graph.reshape(x, {4, 2, 6, 24}), {1, 1, 1, 1152}),
                                       rig.input({1, 1, 1, 3})));
  check_exact(rig, "views of views");
}

TEST(ops_upsample) {
  for (int64_t h : {1, 2, 5})
    for (int64_t w : {1, 3, 8}) {
      GraphRig rig(6);
      const Value x = rig.input({2, h, w, 5});
      for (const auto& to :
           {std::pair<int64_t, int64_t>{2 * h, 2 * w}, {2 * h + 1, 2 * w - 1}, {h, w}, {5 * h, 3 * w + 2}})
        rig.output(rig.graph.upsample(x, to.first, to.second));
      check_exact(rig, "upsample from " + std::to_string(h) + "x" + std::to_string(w));
    }
  GraphRig rig(7);
  rig.output(rig.graph.upsample(rig.graph.slice_channels(rig.input({2, 3, 4, 30}), 9, 14), 7, 9));
  rig.output(rig.graph.upsample(rig.input({1, 24, 31, 32}), 48, 61));
  check_exact(rig, "upsample of a slice, and a large one");
}

TEST(ops_upsample_picks_the_pixels_torch_picks) {
  // torch.nn.functional.interpolate(mode="nearest") where its f32 product lands below the whole number:
  // exact arithmetic would pick the next pixel.
  struct Case {
    int64_t from, to, at, picked;
  };
  for (const Case& c : {Case{14, 46, 23, 6},
                        {24, 74, 37, 11},
                        {26, 44, 22, 12},
                        {30, 58, 29, 14},
                        {128, 246, 123, 63},
                        {129, 207, 138, 85}}) {
    GraphRig rig(8);
    const Value x = rig.input({1, 1, c.from, 1});
    const Value y = rig.output(rig.graph.upsample(x, 1, c.to));
    for (int64_t i = 0; i < c.from; ++i) rig.floats(x)[static_cast<size_t>(i)] = static_cast<float>(i);
    if (!rig.build() || !rig.run()) continue;
    CHECK_EQ(rig.result(y)[static_cast<size_t>(c.at)], static_cast<float>(c.picked));
  }
}

TEST(ops_param_rows) {
  for (int64_t batch = 1; batch <= 3; ++batch) {
    GraphRig rig(9);
    rig.output(rig.graph.param_rows("class", {19}, 1, 19, batch));
    rig.output(rig.graph.param_rows("position", {7, 33}, 7, 33, batch));
    rig.output(rig.graph.param_rows("latents", {1, 16, 20}, 16, 20, batch));
    check_exact(rig, "param rows, batch " + std::to_string(batch));
  }
}

TEST(ops_gather_rows) {
  for (int64_t batch = 1; batch <= 3; ++batch) {
    GraphRig rig(10);
    const Value ids = rig.ids({batch, 1, 77, 1}, 50);
    rig.output(rig.graph.embedding(ids, "tokens", 50, 21));
    const Value x = rig.input({batch, 1, 9, 40});
    const Value last = rig.ids({batch, 1, 1, 1}, 9 * batch);
    rig.output(rig.graph.gather_rows(x, last));
    rig.output(rig.graph.gather_rows(rig.graph.slice_channels(x, 5, 30), last));
    check_exact(rig, "gather rows, batch " + std::to_string(batch));
  }
}

TEST(ops_gather_rows_stays_inside_the_table) {
  GraphRig rig(11);
  const Value x = rig.input({2, 1, 5, 3}), ids = rig.ids({1, 1, 4, 1}, 1);
  const Value y = rig.output(rig.graph.gather_rows(x, ids));
  if (!rig.build() || !rig.run()) return;
  const int32_t outside[] = {-1, -2147483647, 10, 2147483647};
  for (int i = 0; i < 4; ++i) rig.program().ids(ids)[i] = outside[i];
  CHECK_OK(rig.program().run());
  for (size_t i = 0; i < 12; ++i) CHECK_EQ(rig.result(y)[i], rig.floats(x)[i < 6 ? i % 3 : 27 + i % 3]);
}

}  // namespace
