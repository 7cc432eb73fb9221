// Token merging against a plain re-statement of the algorithm in double precision (ipa_ref::token_slots).

#include "graph_rig.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;

void check(const Shape& shape, double ratio, int64_t width) {
  const std::string what = ipa_test::to_string(shape) + " at " + std::to_string(ratio);
  const ipa_test::TestDevice& device = ipa_test::test_device();
  std::vector<float> reference;
  for (int threads : {1, 3}) {
    // A GPU does it twice.
    GraphRig rig = device.is_gpu() ? GraphRig(7) : GraphRig(7, ipa_test::test_kernels(), threads);
    const Value like = rig.input(shape), x = rig.input({shape.n, shape.h, shape.w, width});
    const Value map = rig.graph.token_map(like, ratio);
    CHECK(map.valid());
    if (!map.valid()) return;
    const Value left = rig.output(rig.graph.merge_rows(x, map));
    const Value back = rig.output(rig.graph.gather_rows(left, map));
    if (!rig.build() || !rig.run()) return;
    const std::vector<float> got = rig.result(back);
    if (reference.empty()) reference = got;
    CHECK(ipa_test::same_bits(got, reference));
    const double error = ipa_ref::relative_error(got, rig.expected()[static_cast<size_t>(back.id)]);
    if (!(error < device.allowed(1e-6)))
      ipa_test::fail(__FILE__, __LINE__, what + ": off by " + std::to_string(error));
  }
}

}  // namespace

TEST(ops_token_merge_is_the_algorithm) {
  for (double ratio : {0.1, 0.5, 0.75}) {
    check({1, 8, 8, 24}, ratio, 24);
    check({2, 6, 10, 33}, ratio, 70);
    check({2, 7, 9, 16}, ratio, 5);
  }
  check({1, 40, 36, 20}, 0.4, 130);
}

// Scores of more tokens than are held at a time.
TEST(ops_token_merge_in_parts) {
  ON_CPU_ALONE("cuda_token_merge_test.cc has the GPU's");
  check({1, 96, 90, 8}, 0.5, 3);
}

TEST(ops_token_merge_of_nothing_is_no_step) {
  GraphRig rig(1);
  CHECK(!rig.graph.token_map(rig.input({1, 8, 8, 4}), 0).valid());
  CHECK(!rig.graph.token_map(rig.input({1, 8, 8, 4}), 0.01).valid());
  CHECK(!rig.graph.token_map(rig.input({1, 1, 9, 4}), 0.5).valid());
}
