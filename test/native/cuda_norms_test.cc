// Norms of a GPU over elements, places and strides; in place; and that an item's bits are its own.
#include "cuda_kernel_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Shape;
using ipa::gpu::Element;
using ipa::gpu::GroupNormArgs;
using ipa::gpu::Kernel;
using ipa::gpu::LayerNormArgs;
using ipa_ref::Tensor;
using ipa_test::check_close;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;
using ipa_test::row_layouts;
using ipa_test::RowLayout;

struct Norm {
  Tensor gamma, beta;
  int groups;
  int32_t block_rows;
  Norm(CudaRig& rig, int64_t channels, int of_groups, int32_t rows)
      : gamma(rig.random({1, 1, 1, channels}, 0.5, 2)),
        beta(rig.random({1, 1, 1, channels})),
        groups(of_groups),
        block_rows(rows) {}

  GroupNormArgs arguments(CudaRig& rig, const Shape& shape, const DeviceRows& x, const DeviceRows& out) const {
    GroupNormArgs g;
    g.x = x.rows();
    g.out = out.rows();
    g.gamma = rig.floats(gamma.values);
    g.beta = rig.floats(beta.values);
    g.items = static_cast<int32_t>(shape.n);
    g.channels = static_cast<int32_t>(shape.c);
    g.groups = groups;
    g.rows = shape.rows_per_item();
    g.block_rows = block_rows;
    g.blocks = static_cast<int32_t>((g.rows + block_rows - 1) / block_rows);
    g.epsilon = 1e-5f;
    g.activation = Activation::silu;
    g.partial = static_cast<float*>(rig.take(shape.n * g.blocks * 2 * shape.c * 4));
    g.affine = static_cast<float*>(rig.take(shape.n * 3 * shape.c * 4));
    return g;
  }

  void run(CudaRig& rig, const GroupNormArgs& g) const {
    for (const Kernel kernel : {Kernel::norm_sums, Kernel::norm_finish, Kernel::norm_apply})
      rig.launch(kernel, g);
  }

  Tensor expected(const Tensor& x) const {
    const double epsilon = static_cast<double>(1e-5f);
    return ipa_ref::activate(ipa_ref::group_norm(x, gamma.values, beta.values, groups, epsilon),
                             Activation::silu);
  }
};

TEST_ONCE(cuda_group_norm_of_any_rows) {
  CudaRig rig(1);
  struct Case {
    Shape shape;
    int groups;
    int32_t block_rows;
  };
  for (const Case& c : {Case{{2, 3, 5, 6}, 3, 4}, Case{{2, 4, 9, 32}, 4, 36}, Case{{1, 8, 8, 320}, 32, 9},
                        Case{{1, 1, 3, 1032}, 3, 2}, Case{{1, 20, 20, 8}, 8, 128}}) {
    const Norm norm(rig, c.shape.c, c.groups, c.block_rows);
    const Tensor values = rig.random(c.shape, -2, 3);
    for (const RowLayout& from : row_layouts())
      for (const RowLayout& to : row_layouts()) {
        if (c.shape.c > 100 && (from.skip != to.skip || from.gap != to.gap)) continue;
        const std::string what = ipa_test::shown(c.shape.c) + ", " + to_string(from) + " to " + to_string(to);
        const DeviceRows x(rig, values, from), out(rig, c.shape, to);
        norm.run(rig, norm.arguments(rig, c.shape, x, out));
        check_close(out.values(), norm.expected(x.values()), to.element, what);
        out.check_gaps(what);
      }
  }
}

TEST_ONCE(cuda_group_norm_in_place) {
  CudaRig rig(2);
  for (const int64_t channels : {6, 48}) {
    const Norm norm(rig, channels, 3, 7);
    for (const RowLayout& layout : row_layouts()) {
      const DeviceRows x(rig, rig.random({2, 5, 5, channels}, -2, 3), layout);
      const Tensor expected = norm.expected(x.values());
      norm.run(rig, norm.arguments(rig, {2, 5, 5, channels}, x, x));
      check_close(x.values(), expected, layout.element, to_string(layout));
    }
  }
}

// Rows of threads that each begin elsewhere, blocks that begin far from the others.
TEST_ONCE(cuda_group_norm_keeps_small_variance_beside_large_numbers) {
  CudaRig rig(3);
  const Shape shape{1, 40, 40, 16};
  for (const int64_t outlier : {int64_t{-1}, int64_t{0}, int64_t{500}, int64_t{1599}})
    for (const double mean : {0.0, 1000.0, -30000.0}) {
      const Norm norm(rig, shape.c, 4, 100);
      Tensor values = rig.random(shape);
      for (double& value : values.values) value += mean;
      if (outlier >= 0)
        for (int64_t c = 0; c < shape.c; ++c) values.row(outlier, c) += 20;
      const DeviceRows x(rig, values, {Element::f32, 0, 0}), out(rig, shape, {Element::f32, 0, 0});
      norm.run(rig, norm.arguments(rig, shape, x, out));
      check_close(out.values(), norm.expected(x.values()), Element::f32, "about " + std::to_string(mean));
    }
}

Tensor item_of(const Tensor& x, int64_t item) {
  Tensor one({1, x.shape.h, x.shape.w, x.shape.c});
  const auto first = x.values.begin() + item * one.shape.elements();
  std::copy(first, first + one.shape.elements(), one.values.begin());
  return one;
}

TEST_ONCE(cuda_group_norm_of_an_item_is_the_same_in_company) {
  std::vector<std::vector<uint8_t>> alone, together;
  const auto drawn = [] {
    CudaRig rig(5);
    return std::make_pair(Norm(rig, 48, 6, 10), rig.random({3, 6, 7, 48}));
  }();
  const Norm& norm = drawn.first;
  const Tensor& values = drawn.second;
  for (const uint64_t seed : {6, 7, 8}) {  // three orders of threads
    CudaRig rig(seed);
    const RowLayout layout{Element::f16, 0, 0};
    const DeviceRows x(rig, values, layout), out(rig, values.shape, layout);
    norm.run(rig, norm.arguments(rig, values.shape, x, out));
    const DeviceRows last(rig, item_of(values, 2), layout), last_out(rig, {1, 6, 7, 48}, layout);
    norm.run(rig, norm.arguments(rig, {1, 6, 7, 48}, last, last_out));
    alone.push_back(last_out.bytes());
    together.push_back(out.bytes());
    const std::vector<uint8_t> tail(together.back().end() - static_cast<int64_t>(alone.back().size()),
                                    together.back().end());
    CHECK(tail == alone.back());
    CHECK(together.back() == together.front());
  }
}

void run_layer_norm(CudaRig& rig, const DeviceRows& x, const DeviceRows& out, const Tensor& gamma,
                    const Tensor& beta, const Shape& shape) {
  LayerNormArgs g;
  g.x = x.rows();
  g.out = out.rows();
  g.gamma = rig.floats(gamma.values);
  g.beta = rig.floats(beta.values);
  g.rows = shape.rows();
  g.channels = static_cast<int32_t>(shape.c);
  g.epsilon = 1e-5f;
  rig.launch(Kernel::layer_norm, g);
}

TEST_ONCE(cuda_layer_norm_of_any_rows) {
  CudaRig rig(10);
  for (const int64_t channels : {1, 5, 8, 33, 320, 1288}) {
    const Tensor values = rig.random({1, 1, 19, channels}, -1, 4);
    const Tensor gamma = rig.random({1, 1, 1, channels}, 0.5, 2), beta = rig.random({1, 1, 1, channels});
    for (const RowLayout& from : row_layouts())
      for (const bool in_place : {false, true}) {
        const RowLayout to = in_place ? from : RowLayout{Element::f16, 0, 0};
        const DeviceRows x(rig, values, from), out(rig, values.shape, to);
        const Tensor expected =
            ipa_ref::layer_norm(x.values(), gamma.values, beta.values, static_cast<double>(1e-5f));
        run_layer_norm(rig, x, in_place ? x : out, gamma, beta, values.shape);
        const std::string what = std::to_string(channels) + ", " + to_string(from);
        check_close((in_place ? x : out).values(), expected, to.element, what);
        x.check_gaps(what);
      }
  }
}

TEST_ONCE(cuda_layer_norm_keeps_small_variance_beside_large_numbers) {
  CudaRig rig(11);
  const Tensor gamma = rig.random({1, 1, 1, 320}, 0.5, 2), beta = rig.random({1, 1, 1, 320});
  for (const double mean : {1000.0, -30000.0}) {
    const DeviceRows x(rig, rig.random({1, 1, 9, 320}, mean - 1, mean + 1), {});
    const Tensor expected =
        ipa_ref::layer_norm(x.values(), gamma.values, beta.values, static_cast<double>(1e-5f));
    run_layer_norm(rig, x, x, gamma, beta, expected.shape);
    check_close(x.values(), expected, Element::f32, "about " + std::to_string(mean));
  }
}

}  // namespace
