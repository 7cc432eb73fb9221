// group_norm and layer_norm against the f64 reference.
#include <algorithm>

#include "graph_rig.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::to_string;

TEST(ops_group_norm_over_shapes) {
  struct Case {
    Shape shape;
    int groups;
  };
  for (const Case& c : {Case{{1, 1, 2, 4}, 2}, Case{{1, 1, 1, 8}, 2}, Case{{3, 5, 7, 6}, 1},
                        Case{{2, 5, 7, 6}, 6}, Case{{2, 3, 3, 33}, 11}, Case{{1, 4, 4, 320}, 32},
                        Case{{2, 1, 127, 20}, 4}, Case{{2, 1, 128, 20}, 4}, Case{{2, 1, 129, 20}, 4},
                        Case{{3, 16, 16, 10}, 5}, Case{{1, 17, 31, 18}, 9}, Case{{1, 40, 40, 36}, 12}}) {
    GraphRig rig(static_cast<uint64_t>(c.shape.elements()));
    rig.output(rig.graph.group_norm(rig.input(c.shape, -2, 3), "a", c.groups, 1e-5f));
    rig.check("group norm of " + to_string(c.shape) + " in " + std::to_string(c.groups));
  }
}

TEST(ops_group_norm_of_a_slice) {
  GraphRig rig(2);
  const Value x = rig.graph.slice_channels(rig.input({2, 6, 25, 50}), 9, 36);
  rig.output(rig.graph.group_norm(x, "a", 9, 1e-6f));
  rig.output(rig.graph.silu(rig.graph.group_norm(x, "b", 12, 1e-6f)));
  rig.check("group norm of a slice");
}

TEST(ops_group_norm_of_a_constant) {
  // No variance at all: what is left is the bias.
  GraphRig rig(3);
  rig.output(rig.graph.group_norm(rig.input({2, 5, 30, 12}, 3, 3), "a", 3, 1e-5f));
  rig.check("group norm of a constant");
}

Value describe_norm(GraphRig& rig, Value x) {
  return rig.output(rig.graph.silu(rig.graph.group_norm(x, "a", 6, 1e-5f)));
}

// As a picture in tiles has it: one graph keeps the statistics of the whole, another applies them to a part.
TEST(ops_group_norm_by_kept_statistics) {
  const Shape whole{1, 12, 9, 24}, part{1, 5, 9, 24};
  GraphRig plain(6), keeping(6), given(6);
  const Value x = plain.input(whole, -2, 3), y = describe_norm(plain, x);
  plain.check("group norm of the whole");
  keeping.graph.set_norm_statistics(ipa::NormStatistics::recorded);
  const Value y_kept = describe_norm(keeping, keeping.input(whole, -2, 3));
  const Value kept = keeping.graph.norm_statistics()[0];
  if (!keeping.build_with_weights_of(plain) || !keeping.run()) return;
  CHECK(ipa_test::same_bits(plain.result(y), keeping.result(y_kept)));

  given.graph.set_norm_statistics(ipa::NormStatistics::given);
  const Value x_part = given.input(part), y_part = describe_norm(given, x_part);
  const auto first = static_cast<std::ptrdiff_t>(4 * part.w * part.c), count = part.elements();
  std::copy_n(plain.floats(x).begin() + first, count, given.floats(x_part).begin());
  given.set(given.graph.norm_statistics()[0], keeping.result(kept));
  if (!given.build_with_weights_of(plain) || !given.run()) return;
  ipa_ref::Tensor expected(part);
  const std::vector<float> all = plain.result(y);
  std::copy_n(all.begin() + first, count, expected.values.begin());
  // The rig rounds what goes in, so also the statistics.
  const double allowed = 4 * ipa_test::test_device().allowed(ipa_test::tolerance);
  CHECK(ipa_test::relative_error(given.result(y_part), expected) <= allowed);
}

// Adds to every channel what `shift` gives for (row, channel).
template <class Shift>
void displace(GraphRig& rig, Value x, int64_t channels, Shift shift) {
  std::vector<float>& floats = rig.floats(x);
  for (size_t i = 0; i < floats.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    floats[i] += static_cast<float>(shift(at / channels, at % channels));
  }
}

// A naive E[x^2] - E[x]^2 in f32 has no correct digit left at 1000.
TEST(ops_group_norm_keeps_small_variance_beside_a_large_mean) {
  for (double mean : {-6.0, 1000.0, -30000.0}) {
    GraphRig rig(4);
    const Value x = rig.input({2, 20, 20, 24}, -1, 1);
    rig.output(rig.graph.group_norm(x, "a", 8, 1e-6f));
    displace(rig, x, 24, [&](int64_t, int64_t) { return mean; });
    rig.check("group norm about " + std::to_string(mean));
  }
  // Channels of one group that lie far apart: the variance is that between them.
  GraphRig apart(5);
  const Value x = apart.input({2, 20, 20, 24}, -1, 1);
  apart.output(apart.graph.group_norm(x, "a", 4, 1e-6f));
  displace(apart, x, 24, [](int64_t, int64_t c) { return static_cast<double>(c % 6) * 300; });
  apart.check("group norm of channels that lie apart");
  // A first pixel unlike all others, which is where a shifted sum is weakest.
  GraphRig outlier(6);
  const Value y = outlier.input({1, 64, 64, 8}, -1, 1);
  outlier.output(outlier.graph.group_norm(y, "a", 2, 1e-6f));
  displace(outlier, y, 8, [](int64_t row, int64_t) { return row == 0 ? 20.0 : 0.0; });
  outlier.check("group norm with an outlier in front");
}

TEST(ops_layer_norm_over_widths) {
  for (int64_t channels = 1; channels <= 35; ++channels) {
    GraphRig rig(static_cast<uint64_t>(channels));
    rig.output(rig.graph.layer_norm(rig.input({2, 1, 5, channels}, -1, 4), "a", 1e-5f));
    rig.check("layer norm over " + std::to_string(channels));
  }
  for (const Shape& shape :
       {Shape{1, 1, 1, 768}, Shape{3, 1, 77, 130}, Shape{2, 9, 11, 320}, Shape{1, 1, 70, 1283}}) {
    GraphRig rig(static_cast<uint64_t>(shape.elements()));
    rig.output(rig.graph.layer_norm(rig.input(shape, -1, 4), "a", 1e-5f));
    rig.check("layer norm of " + to_string(shape));
  }
}

TEST(ops_layer_norm_of_a_slice) {
  GraphRig rig(9);
  const Value x = rig.graph.slice_channels(rig.input({2, 4, 9, 60}), 11, 37);
  rig.output(rig.graph.layer_norm(x, "a", 1e-5f));
  rig.check("layer norm of a slice");
}

TEST(ops_layer_norm_keeps_small_variance_beside_a_large_mean) {
  for (int64_t channels : {5, 32, 300}) {
    GraphRig rig(10);
    const Value x = rig.input({1, 1, 40, channels}, -1, 1);
    rig.output(rig.graph.layer_norm(x, "a", 1e-6f));
    displace(rig, x, channels, [](int64_t row, int64_t) { return row % 2 ? 1000.0 : -30000.0; });
    rig.check("layer norm with large means over " + std::to_string(channels));
  }
}

}  // namespace
