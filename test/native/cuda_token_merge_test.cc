// Merging of tokens on a GPU over elements and strides, of equal tokens, and of what is no number.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cuda_kernel_rig.h"
#include "harness.h"

namespace {

using ipa::Shape;
using ipa::gpu::Element;
using ipa::gpu::Kernel;
using ipa::gpu::MergeRowsArgs;
using ipa::gpu::TokenMapArgs;
using ipa_ref::Tensor;
using ipa_test::check_close;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;
using ipa_test::row_layouts;
using ipa_test::RowLayout;

std::vector<int32_t> token_map(CudaRig& rig, const Shape& shape, const DeviceRows& x, int32_t merged) {
  TokenMapArgs g;
  g.x = x.rows();
  g.items = static_cast<int32_t>(shape.n);
  g.height = static_cast<int32_t>(shape.h);
  g.width = static_cast<int32_t>(shape.w);
  g.channels = static_cast<int32_t>(shape.c);
  g.merged = merged;
  g.ids = static_cast<int32_t*>(rig.take(shape.rows() * 4));
  g.likeness = static_cast<float*>(rig.take(shape.rows() * 4));
  g.best = static_cast<int32_t*>(rig.take(shape.rows() * 4));
  rig.launch(Kernel::merge_best, g);
  rig.launch(Kernel::merge_ids, g);
  return rig.download(g.ids, shape.rows());
}

// The groups of tokens of one item that an honest search finds: the first token of its group, for each token.
std::vector<int64_t> groups_of(const Tensor& x, int64_t item, int64_t merged) {
  const int64_t w = x.shape.w, tokens = x.shape.rows_per_item(), base = item * tokens;
  const auto dot = [&](int64_t a, int64_t b) {
    double sum = 0;
    for (int64_t c = 0; c < x.shape.c; ++c) sum += x.row(base + a, c) * x.row(base + b, c);
    return sum;
  };
  const auto is_destination = [&](int64_t t) {
    return t / w % 2 == 0 && t % w % 2 == 0 && t / w + 1 < x.shape.h && t % w + 1 < w;
  };
  struct Source {
    double likeness;
    int64_t token, best;
  };
  std::vector<Source> sources;
  for (int64_t t = 0; t < tokens; ++t) {
    if (is_destination(t)) continue;
    Source source{-2, t, 0};
    for (int64_t d = 0; d < tokens; ++d) {
      if (!is_destination(d)) continue;
      const double cosine = dot(t, d) / std::sqrt(dot(t, t) * dot(d, d));
      if (cosine > source.likeness) source = {cosine, t, d};
    }
    sources.push_back(source);
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.likeness > b.likeness; });
  std::vector<int64_t> group(static_cast<size_t>(tokens));
  std::iota(group.begin(), group.end(), int64_t{0});
  for (int64_t i = 0; i < merged; ++i)
    group[static_cast<size_t>(sources[static_cast<size_t>(i)].token)] = sources[static_cast<size_t>(i)].best;
  return group;
}

// Whether ids tell the same tokens from one another as groups do, and are rows of the item.
bool same_groups(const std::vector<int32_t>& ids, const std::vector<int64_t>& groups, int64_t item,
                 int64_t left) {
  const auto tokens = static_cast<int64_t>(groups.size());
  std::vector<int64_t> seen(static_cast<size_t>(left), -1);
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t id = ids[static_cast<size_t>(item * tokens + t)] - item * left;
    if (id < 0 || id >= left) return false;
    int64_t& group = seen[static_cast<size_t>(id)];
    if (group >= 0 && group != groups[static_cast<size_t>(t)]) return false;
    group = groups[static_cast<size_t>(t)];
  }
  return std::count(seen.begin(), seen.end(), -1) == 0;
}

TEST_ONCE(cuda_token_map_of_any_rows) {
  CudaRig rig(1);
  for (const Shape& shape : {Shape{2, 7, 9, 24}, Shape{1, 2, 2, 5}, Shape{1, 20, 18, 16}, Shape{2, 6, 6, 19}}) {
    const auto merged = static_cast<int32_t>(shape.rows_per_item() * 2 / 5);
    const Tensor values = rig.random(shape);
    for (const RowLayout& layout : row_layouts()) {
      const DeviceRows x(rig, values, layout);
      const std::vector<int32_t> ids = token_map(rig, shape, x, merged);
      for (int64_t item = 0; item < shape.n; ++item)
        CHECK(same_groups(ids, groups_of(x.values(), item, merged), item, shape.rows_per_item() - merged));
    }
  }
}

// Equal tokens merge in their order, into the first destination of those that are as much alike: the fifth, where four are
// unlike all, or the first of all that are as unlike as can be.
TEST_ONCE(cuda_token_map_of_equal_tokens) {
  CudaRig rig(2);
  const Shape shape{1, 18, 18, 8};
  const auto is_destination = [](int64_t t) { return t / 18 % 2 == 0 && t % 18 % 2 == 0; };
  const int32_t merged = 100;
  for (const bool alike : {true, false}) {
    Tensor values(shape);
    for (int64_t t = 0; t < 18 * 18; ++t)
      for (int64_t c = 0; c < shape.c; ++c) {
        const bool unlike = alike && is_destination(t) && t < 8;
        values.row(t, c) = unlike && c % 2 == 0 ? -0.5 : alike || is_destination(t) ? 0.5 : -0.5;
      }
    const std::vector<int32_t> ids = token_map(rig, shape, DeviceRows(rig, values, {}), merged);
    std::vector<int64_t> groups(18 * 18);
    int32_t met = 0;
    for (int64_t t = 0; t < 18 * 18; ++t)
      groups[static_cast<size_t>(t)] = is_destination(t) || met++ >= merged ? t : alike ? 8 : 0;
    CHECK(same_groups(ids, groups, 0, 18 * 18 - merged));
  }
}

// More tokens than are compared at a time.
TEST_ONCE(cuda_token_map_of_many_tokens) {
  CudaRig rig(5);
  const Shape shape{1, 40, 36, 8};
  const DeviceRows x(rig, rig.random(shape), {});
  const std::vector<int32_t> ids = token_map(rig, shape, x, 500);
  CHECK(same_groups(ids, groups_of(x.values(), 0, 500), 0, 40 * 36 - 500));
}

// Tokens that are no numbers, or zeros, make no ids that there are not.
TEST_ONCE(cuda_token_map_of_what_is_no_number) {
  CudaRig rig(3);
  const Shape shape{1, 8, 8, 12};
  for (const double strange : {std::numeric_limits<double>::quiet_NaN(), 0.0, 1e30}) {
    Tensor values = rig.random(shape);
    for (const int64_t row : {0, 1, 9, 20, 34})
      for (int64_t c = 0; c < shape.c; ++c) values.row(row, c) = strange;
    const std::vector<int32_t> ids = token_map(rig, shape, DeviceRows(rig, values, {}), 24);
    std::vector<int> uses(40, 0);
    for (const int32_t id : ids) {
      CHECK(id >= 0 && id < 40);
      if (id >= 0 && id < 40) ++uses[static_cast<size_t>(id)];
    }
    CHECK(std::count(uses.begin(), uses.end(), 0) == 0);
  }
}

TEST_ONCE(cuda_means_of_merged_rows) {
  CudaRig rig(4);
  const std::vector<int32_t> ids = {2, 0, 0, 1, 2, 0, 3, 2,
                                    9, 4, 5, 5, 5, 7, 6, -3};  // of 2 items, the last one outside
  const int64_t left = 4;
  MergeRowsArgs g;
  g.ids = rig.upload(ids);
  g.items = 2;
  g.tokens = 8;
  g.left = static_cast<int32_t>(left);
  for (const int64_t channels : {1, 8, 70, 600}) {
    const Tensor values = rig.random({2, 1, 8, channels});
    for (const RowLayout& layout : row_layouts()) {
      const DeviceRows x(rig, values, layout), out(rig, {2, 1, left, channels}, layout);
      g.x = x.rows();
      g.out = out.rows();
      g.channels = static_cast<int32_t>(channels);
      rig.launch(Kernel::merge_rows, g);
      const Tensor stored = x.values();
      Tensor expected({2, 1, left, channels});
      std::vector<double> counts(8, 0);
      for (int64_t t = 0; t < 16; ++t) {
        const int64_t base = t / 8 * left;
        const int64_t row = base + std::clamp<int64_t>(ids[static_cast<size_t>(t)] - base, 0, left - 1);
        ++counts[static_cast<size_t>(row)];
        for (int64_t c = 0; c < channels; ++c) expected.row(row, c) += stored.row(t, c);
      }
      for (int64_t row = 0; row < 8; ++row)
        for (int64_t c = 0; c < channels; ++c) expected.row(row, c) /= counts[static_cast<size_t>(row)];
      check_close(out.values(), expected, layout.element, std::to_string(channels) + ", " + to_string(layout));
      out.check_gaps(to_string(layout));
    }
  }
}

}  // namespace
