// Kernels of a GPU that work row by row, over elements, places and strides: what the tests of ops do not reach.
#include <algorithm>

#include "cuda_kernel_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Shape;
using ipa::gpu::CopyArgs;
using ipa::gpu::Element;
using ipa::gpu::ElementwiseArgs;
using ipa::gpu::Kernel;
using ipa::gpu::PackKvArgs;
using ipa_ref::Tensor;
using ipa_test::check_close;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;
using ipa_test::row_layouts;
using ipa_test::RowLayout;

constexpr Element elements[] = {Element::f32, Element::f16, Element::bf16};

ElementwiseArgs elementwise(const Shape& shape, const DeviceRows& a, const DeviceRows& out) {
  ElementwiseArgs g;
  g.a = a.rows();
  g.out = out.rows();
  g.rows = shape.rows();
  g.channels = static_cast<int32_t>(shape.c);
  return g;
}

TEST_ONCE(cuda_activations_of_all_elements) {
  CudaRig rig(1);
  const Tensor x = rig.random({2, 3, 50, 24}, -9, 9);
  for (int kind = 0; kind <= static_cast<int>(Activation::unit_to_signed); ++kind)
    for (const Element element : elements) {
      const DeviceRows a(rig, x, {element, 0, 0}), out(rig, x.shape, {Element::f32, 0, 0});
      ElementwiseArgs g = elementwise(x.shape, a, out);
      g.activation = static_cast<Activation>(kind);
      rig.launch(Kernel::elementwise, g);
      check_close(out.values(), ipa_ref::activate(a.values(), g.activation), Element::f32,
                  "activation " + std::to_string(kind));
    }
}

TEST_ONCE(cuda_sums_of_any_rows) {
  CudaRig rig(2);
  for (const int64_t channels : {1, 7, 8, 40, 600}) {
    const Tensor x = rig.random({2, 3, 5, channels}), y = rig.random({2, 1, 1, channels});
    const Tensor z = rig.random({1, 3, 5, channels});
    for (const RowLayout& layout : row_layouts()) {
      const std::string what = std::to_string(channels) + " channels, " + to_string(layout);
      const DeviceRows a(rig, x, layout), each(rig, y, {Element::f32, 1, 0}), all(rig, z, {Element::f16, 0, 8});
      const DeviceRows out(rig, x.shape, {Element::bf16, 0, 0});
      ElementwiseArgs g = elementwise(x.shape, a, out);
      g.b = each.rows();
      g.b_divide = x.shape.rows_per_item();
      rig.launch(Kernel::elementwise, g);
      check_close(out.values(), ipa_ref::add(a.values(), each.values()), Element::bf16, "row an item, " + what);
      g.b = all.rows();
      g.b_divide = 0;
      g.b_period = x.shape.rows_per_item();
      g.out = a.rows();  // in place
      const Tensor expected = ipa_ref::add(a.values(), all.values());
      rig.launch(Kernel::elementwise, g);
      check_close(a.values(), expected, layout.element, "in place, " + what);
      a.check_gaps(what);
    }
  }
}

// A copy of `x` in which row r is row source(r), beside the reference.
template <class Expected>
void check_copy(CudaRig& rig, const Tensor& x, CopyArgs g, const Shape& shape, Expected expected) {
  for (const RowLayout& from : row_layouts())
    for (const RowLayout& to : row_layouts()) {
      const std::string what = "kind " + std::to_string(static_cast<int>(g.kind)) + " of " +
                               std::to_string(x.shape.c) + ", " + to_string(from) + " to " + to_string(to);
      const DeviceRows in(rig, x, from), out(rig, shape, to);
      g.from = in.rows();
      g.out = out.rows();
      g.channels = static_cast<int32_t>(x.shape.c);
      g.from_rows = x.shape.rows();
      rig.launch(Kernel::copy_rows, g);
      Tensor wanted = expected(in.values());
      for (double& value : wanted.values) value = ipa_test::rounded(to.element, value);
      CHECK(out.values().values == wanted.values);
      out.check_gaps(what);
    }
}

TEST_ONCE(cuda_copies_of_rows) {
  CudaRig rig(3);
  for (const int64_t channels : {1, 4, 9, 16}) {
    const Tensor x = rig.random({2, 3, 5, channels});
    CopyArgs same;
    same.rows = 30;
    check_copy(rig, x, same, x.shape, [](const Tensor& in) { return in; });

    CopyArgs repeat;
    repeat.kind = CopyArgs::Kind::repeat;
    repeat.rows = 90;
    repeat.period = 30;
    check_copy(rig, x, repeat, {3, 1, 30, channels},
               [&](const Tensor& in) { return ipa_ref::param_rows(in.values, 30, channels, 3); });

    CopyArgs enlarge;
    enlarge.kind = CopyArgs::Kind::enlarge;
    enlarge.rows = 2 * 7 * 11;
    enlarge.in_h = 3;
    enlarge.in_w = 5;
    enlarge.out_h = 7;
    enlarge.out_w = 11;
    check_copy(rig, x, enlarge, {2, 7, 11, channels},
               [](const Tensor& in) { return ipa_ref::upsample(in, 7, 11); });
  }
}

// Ids that there are not give the nearest that there is.
TEST_ONCE(cuda_gathered_rows) {
  CudaRig rig(4);
  const std::vector<int32_t> ids = {3, 0, 29, 30, -1, 2147483647, -2147483647, 12, 12};
  std::vector<int32_t> within = ids;
  for (int32_t& id : within) id = std::clamp(id, 0, 29);
  CopyArgs g;
  g.kind = CopyArgs::Kind::gather;
  g.rows = static_cast<int64_t>(ids.size());
  g.ids = rig.upload(ids);
  for (const int64_t channels : {3, 8}) {
    const Shape shape{1, 1, g.rows, channels};
    check_copy(rig, rig.random({2, 3, 5, channels}), g, shape, [&](const Tensor& in) {
      return ipa_ref::gather_rows(in.values, within, shape.with_channels(1), channels);
    });
  }
}

// A row that lies further behind the first than 32 bits count; those between are not there.
TEST_ONCE(cuda_gathered_rows_far_away) {
  CudaRig rig(7);
  for (const Element to : {Element::f16, Element::f32})
    for (const int64_t channels : {7, 8}) {
      const int64_t far = (int64_t{1} << 31) / channels + 1000;
      const DeviceRows in(rig, rig.random({1, 1, 1, channels}), {Element::f16, 0, 0}),
          out(rig, {1, 1, 1, channels}, {to, 0, 0});
      CopyArgs g;
      g.kind = CopyArgs::Kind::gather;
      g.rows = 1;
      g.from_rows = far + 1;
      g.channels = static_cast<int32_t>(channels);
      g.ids = rig.upload(std::vector<int32_t>{static_cast<int32_t>(far)});
      g.from = in.rows();
      g.from.data = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(g.from.data) -
                                            static_cast<uintptr_t>(far * g.from.stride * 2));
      g.out = out.rows();
      rig.launch(Kernel::copy_rows, g);
      CHECK(out.values().values == in.values().values);
    }
}

TEST_ONCE(cuda_tokens_beside_others) {
  CudaRig rig(5);
  for (const Element element : elements) {
    const Tensor x = rig.random({3, 1, 4, 6}), y = rig.random({3, 1, 7, 6});
    const DeviceRows a(rig, x, {element, 0, 2}), b(rig, y, {element, 1, 0}),
        out(rig, {3, 1, 11, 6}, {element, 0, 0});
    CopyArgs g;
    g.kind = CopyArgs::Kind::tokens;
    g.channels = 6;
    g.out = out.rows();
    g.out_tokens = 11;
    for (const DeviceRows* part : {&a, &b}) {
      g.from = part->rows();
      g.in_tokens = part == &a ? 4 : 7;
      g.rows = 3 * g.in_tokens;
      rig.launch(Kernel::copy_rows, g);
      g.offset += g.in_tokens;
    }
    CHECK(out.values().values == ipa_ref::concat_tokens(a.values(), b.values()).values);
  }
}

// (2, items' order) of keys, then values; a head is padded with zeros to whole packs.
Tensor packed(const Tensor& k, const Tensor& v, int heads, int64_t padded) {
  const int64_t items = k.shape.n, tokens = k.shape.rows_per_item(), size = k.shape.c / heads;
  Tensor out({items, 2, tokens, heads * padded});
  for (int64_t n = 0; n < items; ++n)
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t c = 0; c < k.shape.c; ++c) {
        const int64_t place = c / size * padded + c % size;
        out.at(n, 0, t, place) = k.row(n * tokens + t, c);
        out.at(n, 1, t, place) = v.row(n * tokens + t, c);
      }
  return out;
}

TEST_ONCE(cuda_packed_keys_and_values) {
  CudaRig rig(6);
  for (const int head_size : {1, 8, 12, 40, 129})
    for (const Element compute : elements) {
      const int heads = 3;
      const Tensor keys = rig.random({2, 1, 5, heads * head_size}), values = rig.random(keys.shape);
      for (const RowLayout& layout : row_layouts()) {
        const DeviceRows k(rig, keys, layout), v(rig, values, {Element::f16, 0, 8});
        PackKvArgs g;
        g.k = k.rows();
        g.v = v.rows();
        g.items = 2;
        g.tokens = 5;
        g.heads = heads;
        g.head_size = head_size;
        g.padded_head = (head_size + 7) / 8 * 8;
        g.compute = compute;
        Tensor expected = packed(k.values(), v.values(), heads, g.padded_head);
        for (double& value : expected.values) value = ipa_test::rounded(compute, value);
        const DeviceRows out(rig, expected.shape, {compute, 0, 0});
        g.out = out.rows().data;
        rig.launch(Kernel::pack_kv, g);
        CHECK(out.values().values == expected.values);
      }
    }
}

}  // namespace
