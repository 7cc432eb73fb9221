// Token merging against a plain re-statement of the algorithm in double precision.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph_rig.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;

// Of one item of tokens (rows of c numbers): the tokens that end up as one, a list each.
std::vector<std::vector<size_t>> groups_of(const float* x, size_t h, size_t w, size_t c, double ratio) {
  std::vector<size_t> from, to;
  for (size_t t = 0; t < h * w; ++t) {
    const size_t row = t / w, column = t % w;
    const bool corner = row % 2 == 0 && column % 2 == 0 && row < h / 2 * 2 && column < w / 2 * 2;
    (corner ? to : from).push_back(t);
  }
  auto dot = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t i = 0; i < c; ++i) sum += static_cast<double>(x[a * c + i]) * static_cast<double>(x[b * c + i]);
    return sum;
  };
  auto cosine = [&](size_t a, size_t b) { return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b)); };
  std::vector<std::pair<double, size_t>> best;  // cosine, position in `to`
  for (size_t a : from) {
    std::pair<double, size_t> top{-2, 0};
    for (size_t j = 0; j < to.size(); ++j) top = std::max(top, {cosine(a, to[j]), j});
    best.push_back(top);
  }
  std::vector<size_t> order(from.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return best[a].first > best[b].first; });
  std::vector<std::vector<size_t>> groups;
  for (size_t t : to) groups.push_back({t});
  const auto merged = static_cast<size_t>(static_cast<double>(h * w) * ratio);
  for (size_t i = 0; i < order.size(); ++i) {
    if (i < merged)
      groups[best[order[i]].second].push_back(from[order[i]]);
    else
      groups.push_back({from[order[i]]});
  }
  return groups;
}

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
    const auto h = static_cast<size_t>(shape.h), w = static_cast<size_t>(shape.w),
               c = static_cast<size_t>(shape.c);
    const auto wide = static_cast<size_t>(width);
    double worst = 0;
    for (size_t item = 0; item < static_cast<size_t>(shape.n); ++item) {
      const auto groups = groups_of(rig.floats(like).data() + item * h * w * c, h, w, c, ratio);
      CHECK_EQ(static_cast<int64_t>(groups.size()), rig.program().shape(left).rows_per_item());
      const float* from = rig.floats(x).data() + item * h * w * wide;
      for (const std::vector<size_t>& group : groups)
        for (size_t i = 0; i < wide; ++i) {
          double mean = 0;
          for (size_t t : group)
            mean += static_cast<double>(from[t * wide + i]) / static_cast<double>(group.size());
          for (size_t t : group)
            worst = std::max(worst, std::fabs(mean - static_cast<double>(got[(item * h * w + t) * wide + i])));
        }
    }
    if (!(worst < device.allowed(1e-6)))
      ipa_test::fail(__FILE__, __LINE__, what + ": off by " + std::to_string(worst));
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
