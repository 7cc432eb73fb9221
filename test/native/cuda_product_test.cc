// Products of a GPU: every kernel by its tile, with all that may become of the sums.
#include <algorithm>
#include <cmath>

#include "cuda/backend/packed_weights.h"
#include "cuda_kernel_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Compute;
using ipa::Conv;
using ipa::Param;
using ipa::ParamRole;
using ipa::Shape;
using ipa::gpu::Element;
using ipa::gpu::Kernel;
using ipa::gpu::PackedWeights;
using ipa::gpu::ProductArgs;
using ipa::gpu::Tile;
using ipa_ref::Tensor;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;
using ipa_test::RowLayout;

constexpr Tile tiles[] = {Tile::large, Tile::tall, Tile::small};

struct Case {
  Shape in;
  int64_t out = 1;
  Element compute = Element::f16;
  bool bytes = false;  // weights of 8 bits
  Tile tile = Tile::small;
  int32_t splits = 1;
  ParamRole role = ParamRole::linear;
  Conv conv = {};
  Shape over = {0, 0, 0, 0};  // what the input is enlarged to before a convolution; empty: it is not
  Activation activation = Activation::none;
  bool item_bias = false, residual = false;
  int64_t residual_rows = 0;   // after which it repeats
  int64_t lines_in_front = 0;  // of the picture, which are not there and which no tap looks at
  RowLayout a = {Element::f16, 0, 0}, to = {Element::f32, 0, 0};

  std::string text() const {
    return std::to_string(in.rows()) + " rows of " + std::to_string(in.c) + " to " + std::to_string(out) +
           ", tile " + std::to_string(static_cast<int>(tile)) + ", " + std::to_string(splits) + " parts" +
           (bytes ? ", bytes" : "") +
           (role == ParamRole::conv2d         ? ", taps"
            : role == ParamRole::geglu_linear ? ", gated"
                                              : "");
  }
  bool is_conv() const { return role == ParamRole::conv2d; }
};

Param param_of(const Case& c) {
  Param param;
  param.names = {"a"};
  param.role = c.role;
  param.shape = {c.role == ParamRole::geglu_linear ? 2 * c.out : c.out, c.in.c};
  if (c.is_conv()) param.shape.insert(param.shape.end(), {c.conv.kernel_h, c.conv.kernel_w});
  param.compute = c.bytes                      ? Compute::int8_weights
                  : c.compute == Element::f16  ? Compute::f16
                  : c.compute == Element::bf16 ? Compute::bf16
                                               : Compute::f32;
  return param;
}

// Weights that their type holds as they are: of 8 bits, multiples of a scale of the row's own.
std::vector<float> weights_of(CudaRig& rig, const Case& c, const Param& param) {
  const Tensor drawn = rig.random({1, 1, param.shape[0], param.elements_each() / param.shape[0]});
  std::vector<float> weights;
  for (int64_t r = 0; r < drawn.shape.w; ++r)
    for (int64_t i = 0; i < drawn.shape.c; ++i) {
      const double value = drawn.row(r, i);
      const double whole = i == 0 ? 127.0 : std::nearbyint(127 * value);
      weights.push_back(static_cast<float>(c.bytes ? whole * static_cast<double>(r % 5 + 1) / 64
                                                   : ipa_test::rounded(c.compute, value)));
    }
  return weights;
}

void set_taps(const Case& c, const Shape& out, ProductArgs& g) {
  g.conv = 1;
  g.taps.height = c.conv.kernel_h;
  g.taps.width = c.conv.kernel_w;
  g.taps.stride = c.conv.stride;
  g.taps.pad_top = c.conv.pad_top;
  g.taps.pad_left = c.conv.pad_left;
  g.taps.in_h = static_cast<int32_t>(c.in.h);
  g.taps.in_w = static_cast<int32_t>(c.in.w);
  g.taps.over_h = static_cast<int32_t>(c.over.h ? c.over.h : c.in.h);
  g.taps.over_w = static_cast<int32_t>(c.over.h ? c.over.w : c.in.w);
  g.taps.out_h = static_cast<int32_t>(out.h);
  g.taps.out_w = static_cast<int32_t>(out.w);
  const auto in_front = static_cast<int32_t>(c.lines_in_front);
  g.taps.in_h += in_front;
  g.taps.over_h += in_front;
  g.taps.pad_top -= in_front;
}

// Where the rows would begin if the lines in front of them were there.
ipa::gpu::Rows with_lines_in_front(const Case& c, ipa::gpu::Rows rows) {
  const int64_t elements = c.lines_in_front * c.in.w * rows.stride;
  rows.data = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(rows.data) -
                                      static_cast<uintptr_t>(elements * element_size(rows.element)));
  return rows;
}

// The product by the reference, and what is added to it.
struct Exact {
  Tensor sums, item_bias, residual;
  ipa_ref::Doubles bias;

  Exact(CudaRig& rig, const Case& c, const Tensor& in, const std::vector<float>& weights) {
    const ipa_ref::Doubles exact(weights.begin(), weights.end());
    const bool gated = c.role == ParamRole::geglu_linear;
    bias = rig.random({1, 1, 1, gated ? 2 * c.out : c.out}).values;
    for (double& value : bias) value = ipa_test::rounded(Element::f32, value);
    const Tensor over = c.over.h ? ipa_ref::upsample(in, c.over.h, c.over.w) : in;
    sums = c.is_conv() ? ipa_ref::conv2d(over, exact, bias, c.out, c.conv)
           : gated     ? ipa_ref::geglu_linear(in, exact, bias, c.out)
                       : ipa_ref::linear(in, exact, bias, c.out);
    item_bias = rig.random({c.in.n, 1, 1, c.out});
    residual = rig.random(c.residual_rows ? Shape{1, 1, c.residual_rows, c.out} : sums.shape);
  }
  Tensor result(const Case& c, const Tensor& added, const Tensor& left) const {
    Tensor result = sums;
    const int64_t rows = result.shape.rows_per_item();
    for (int64_t r = 0; r < result.shape.rows(); ++r)
      for (int64_t k = 0; k < result.shape.c; ++k) {
        double value = result.row(r, k) + (c.item_bias ? added.row(r / rows, k) : 0);
        value = ipa_ref::activation(c.activation, value);
        result.row(r, k) = value + (c.residual ? left.row(r % left.shape.rows(), k) : 0);
      }
    return result;
  }
};

ProductArgs arguments(CudaRig& rig, const Case& c, const PackedWeights& packed, const Shape& out) {
  ProductArgs g;
  g.rows = out.rows();
  g.columns = static_cast<int32_t>(packed.columns);
  g.weight_rows = static_cast<int32_t>(packed.rows);
  g.channels = static_cast<int32_t>(packed.channels);
  g.padded_channels = static_cast<int32_t>(packed.padded_channels);
  if (c.is_conv()) set_taps(c, out, g);
  g.weight_element = packed.element;
  g.compute = c.compute;
  g.tile = c.tile;
  const int64_t depth = packed.taps * packed.padded_channels, steps = (depth + 31) / 32;
  g.depth_each = static_cast<int32_t>((steps + c.splits - 1) / c.splits * 32);
  g.splits = static_cast<int32_t>((depth + g.depth_each - 1) / g.depth_each);
  if (g.splits > 1) g.partial = static_cast<float*>(rig.take(g.splits * g.rows * g.weight_rows * 4));
  g.epilogue.rows_per_item = out.rows_per_item();
  g.epilogue.activation = c.activation;
  g.epilogue.geglu = c.role == ParamRole::geglu_linear;
  return g;
}

void check(CudaRig& rig, const Case& c) {
  if (c.compute == Element::bf16 && !CudaRig::has_bf16()) return;
  const Param param = param_of(c);
  const PackedWeights packed(param);
  const std::vector<float> weights = weights_of(rig, c, param);
  const DeviceRows a(rig, rig.random(c.in), c.a);
  const Exact exact(rig, c, a.values(), weights);
  const DeviceRows item_bias(rig, exact.item_bias, {Element::f32, 0, 0}), residual(rig, exact.residual, c.to),
      out(rig, exact.sums.shape, c.to);
  ProductArgs g = arguments(rig, c, packed, exact.sums.shape);
  std::vector<uint8_t> bytes(static_cast<size_t>(packed.bytes));
  ipa::StoredTensors stored;
  stored.tensors = {weights.data()};
  ipa::gpu::pack_param(param, stored, bytes.data());
  const uint8_t* on_device = rig.upload(bytes);
  g.a = with_lines_in_front(c, a.rows());
  g.weights = on_device;
  if (packed.scales) g.scales = reinterpret_cast<const float*>(on_device + packed.scales);
  g.epilogue.bias = rig.floats(exact.bias);
  if (c.item_bias) g.epilogue.item_bias = item_bias.rows();
  if (c.residual) g.epilogue.residual = residual.rows();
  g.epilogue.residual_period = c.residual_rows;
  g.epilogue.out = out.rows();
  rig.launch(Kernel::product, g);
  if (g.splits > 1) rig.launch(Kernel::product_finish, g);
  out.check_gaps(c.text());
  // Values in more bits than are multiplied are rounded first.
  const double of_rows =
      c.a.element == c.compute || c.compute == Element::f32 ? 0 : ipa_test::rounding_of(c.compute);
  const Tensor expected = exact.result(c, item_bias.values(), residual.values());
  const double error = ipa_test::relative_error(out.values(), expected),
               allowed = 4e-6 + of_rows + ipa_test::rounding_of(c.to.element) * 1.001;
  if (!(error <= allowed))
    ipa_test::fail(
        __FILE__, __LINE__,
        c.text() + ": off by " + ipa_test::shown(error) + ", allowed are " + ipa_test::shown(allowed));
}

// Both sides of a tile, and more steps of the depth than there are stages of it in shared memory.
void check_tiles(uint64_t seed, Element compute) {
  CudaRig rig(seed);
  const RowLayout a = {compute, 0, 8};
  for (const bool bytes : {false, true}) {
    for (const Tile tile : tiles) {
      Case c = {{1, 1, 131, 200}, 138, compute, bytes, tile};
      c.a = a;
      check(rig, c);
    }
    // What cannot be copied as it is: another element, or channels that are no whole vectors.
    Case c = {{1, 1, 65, 43}, 67, compute, bytes};
    c.a = {compute, 1, 0};
    check(rig, c);
    c.a = {Element::f32, 0, 0};
    check(rig, c);
  }
}

TEST_ONCE(cuda_products_of_every_tile_in_f16) { check_tiles(5, Element::f16); }
TEST_ONCE(cuda_products_of_every_tile_in_bf16) { check_tiles(4, Element::bf16); }

TEST_ONCE(cuda_products_in_f32) {
  CudaRig rig(3);
  for (const RowLayout& layout : ipa_test::row_layouts()) {
    Case c = {{2, 1, 35, 21}, 69, Element::f32};
    c.a = layout;
    c.item_bias = c.residual = true;
    check(rig, c);
    c.role = ParamRole::geglu_linear;
    c.item_bias = false;
    check(rig, c);
    c = {{2, 5, 6, 9}, 10, Element::f32};
    c.role = ParamRole::conv2d;
    c.a = layout;
    check(rig, c);
  }
}

TEST_ONCE(cuda_products_over_depths) {
  CudaRig rig(6);
  for (const int64_t depth : {8, 24, 32, 40, 64, 72, 96, 128, 136}) {
    check(rig, {{1, 1, 9, depth}, 11});
    check(rig, {{1, 1, 9, depth}, 11, Element::f16, true});
    check(rig, {{1, 1, 9, depth - 3}, 11});
  }
}

TEST_ONCE(cuda_products_split) {
  CudaRig rig(7);
  for (const bool bytes : {false, true})
    for (const ParamRole role : {ParamRole::linear, ParamRole::geglu_linear})
      for (const int32_t splits : {2, 3, 5}) {
        Case c = {{2, 1, 33, 168}, 19, Element::f16, bytes, Tile::small, splits, role};
        c.residual = true;
        c.item_bias = role == ParamRole::linear;
        c.activation = c.item_bias ? Activation::silu : Activation::none;
        check(rig, c);
      }
  Case c = {{1, 6, 5, 24}, 20, Element::f16, false, Tile::large, 3, ParamRole::conv2d};
  c.residual = true;
  check(rig, c);
}

TEST_ONCE(cuda_products_with_taps) {
  CudaRig rig(8);
  Case c = {{2, 7, 9, 16}, 24};
  c.role = ParamRole::conv2d;
  for (const Conv& conv :
       {Conv{}, Conv{3, 3, 2, 0, 0, 1, 1}, Conv{1, 1, 2, 0, 0, 0, 0}, Conv{5, 3, 1, 2, 1, 2, 1}})
    for (const int64_t channels : {4, 16, 40}) {
      c.in.c = channels;
      c.conv = conv;
      c.item_bias = c.residual = channels == 16;
      c.tile = channels == 40 ? Tile::large : Tile::small;
      check(rig, c);
    }
  c.conv = {};
  c.over = {2, 13, 18, 40};
  check(rig, c);
}

TEST_ONCE(cuda_products_end_in_any_way) {
  CudaRig rig(9);
  for (const RowLayout& to : ipa_test::row_layouts())
    for (const int64_t columns : {6, 7, 40}) {
      Case c = {{3, 1, 5, 24}, columns};
      c.to = to;
      c.activation = Activation::gelu;
      c.item_bias = c.residual = true;
      c.residual_rows = 5;
      check(rig, c);
      c = {{3, 1, 5, 24}, columns, Element::f16, true, Tile::tall, 1, ParamRole::geglu_linear};
      c.to = to;
      c.residual = true;
      check(rig, c);
    }
}

// Rows of whole vectors that only where they lie keeps from being copied as they are.
TEST_ONCE(cuda_products_of_rows_anywhere) {
  CudaRig rig(10);
  for (const Element compute : {Element::f16, Element::bf16})
    for (const RowLayout& layout : ipa_test::row_layouts()) {
      Case c = {{1, 1, 9, 40}, 11, compute};
      c.a = layout;
      check(rig, c);
      c = {{2, 5, 6, 16}, 10, compute, true};
      c.role = ParamRole::conv2d;
      c.a = layout;
      check(rig, c);
    }
}

// As in large pictures, whose elements 32 bits do not count.
TEST_ONCE(cuda_products_of_rows_far_away) {
  CudaRig rig(12);
  for (const Element compute : {Element::f16, Element::f32})
    for (const int64_t skip : {0, 1}) {
      Case c = {{1, 2, 3, 40}, 5, compute};
      c.role = ParamRole::conv2d;
      c.conv = {1, 1, 1, 0, 0, 0, 0};
      c.a = {compute, skip, 0};
      c.lines_in_front = 20'000'000;
      check(rig, c);
    }
}

}  // namespace
