// linear, geglu_linear and conv2d as launches.
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"
#include "cuda/backend/packed_weights.h"
#include "cuda/backend/product_cut.h"

namespace ipa::gpu {
namespace {

Epilogue epilogue_of(const LaunchBuilder& builder, const Step& step) {
  Epilogue e;
  e.bias = static_cast<const float*>(parameter(step, 1));
  e.item_bias = builder.rows(step.item_bias, step.item_bias_storage);
  e.item_bias_shared = step.item_bias_shared;
  e.rows_per_item = step.out_shape.rows_per_item();
  e.residual = builder.rows(step.residual, step.residual_storage);
  e.residual_period = step.residual_period;
  e.out = builder.out(step);
  e.activation = step.activation;
  e.geglu = step.node->op == Op::geglu_linear;
  return e;
}

int64_t unpacked_place(const ProductCut& cut) { return (cut.partial_bytes + 255) / 256 * 256; }

// Whether a tap is the row itself.
bool is_linear(const Step& step) {
  const Conv& conv = step.node->conv;
  const bool padded = conv.pad_top || conv.pad_left || conv.pad_bottom || conv.pad_right;
  return step.node->op != Op::conv2d ||
         (conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && !padded && !step.upsample_h);
}

Taps taps_of(const Step& step) {
  const Conv& conv = step.node->conv;
  const Shape &in = step.input_shapes[0], &out = step.out_shape;
  const auto side = [](int64_t size) { return static_cast<int32_t>(size); };
  Taps taps;
  taps.height = conv.kernel_h;
  taps.width = conv.kernel_w;
  taps.stride = conv.stride;
  taps.pad_top = conv.pad_top;
  taps.pad_left = conv.pad_left;
  taps.wrap_x = step.node->wrap.x;
  taps.wrap_y = step.node->wrap.y;
  taps.in_h = side(in.h);
  taps.in_w = side(in.w);
  taps.over_h = side(step.upsample_h ? step.upsample_h : in.h);
  taps.over_w = side(step.upsample_w ? step.upsample_w : in.w);
  taps.out_h = side(out.h);
  taps.out_w = side(out.w);
  return taps;
}

// Makes numbers of the weights in front of the product, in scratch memory behind what a split product sums up in.
void unpack_weights(LaunchBuilder& builder, const Step& step, const PackedWeights& weights, ProductArgs& g) {
  UnpackArgs unpack;
  unpack.codes = g.weights;
  unpack.blocks = g.blocks;
  unpack.rows = weights.rows;
  unpack.channels = g.channels;
  unpack.taps = static_cast<int32_t>(weights.taps);
  unpack.element = weights.element;
  unpack.out = builder.scratch(step) + unpacked_place(ProductCut(step));
  unpack.compute = g.compute;
  builder.push(Kernel::unpack, unpack);
  g.weights = unpack.out;
  g.weight_element = g.compute;
  g.blocks = {};
}

Status launch_product(LaunchBuilder& builder, const Step& step) {
  const Param& param = *step.node->params[0];
  const PackedWeights weights(param);
  const ProductCut cut(step);
  const auto* packed = static_cast<const uint8_t*>(parameter(step, 0));
  ProductArgs g;
  g.a = builder.input(step, 0);
  g.rows = step.out_shape.rows();
  g.columns = static_cast<int32_t>(weights.columns);
  g.weight_rows = static_cast<int32_t>(weights.rows);
  g.channels = static_cast<int32_t>(weights.channels);
  g.padded_channels = static_cast<int32_t>(weights.padded_channels);
  g.conv = !is_linear(step);
  if (g.conv) g.taps = taps_of(step);
  g.weights = packed;
  g.weight_element = weights.element;
  if (weights.scales) g.scales = reinterpret_cast<const float*>(packed + weights.scales);
  if (param.blocks) g.blocks = weights.blocks.scales(packed);
  g.compute = weights.element == Element::i8 ? builder.byte_factor() : element_of(param.compute);
  g.tile = cut.tile;
  g.splits = cut.splits;
  g.depth_each = cut.depth_each;
  if (cut.splits > 1) g.partial = reinterpret_cast<float*>(builder.scratch(step));
  g.epilogue = epilogue_of(builder, step);
  if (weights.unpacked_bytes() > 0) unpack_weights(builder, step, weights, g);
  builder.push(Kernel::product, g);
  if (cut.splits > 1) builder.push(Kernel::product_finish, g);
  return {};
}

int64_t product_scratch(const Step& step) {
  const ProductCut cut(step);
  const int64_t unpacked = PackedWeights(*step.node->params[0]).unpacked_bytes();
  return unpacked > 0 ? unpacked_place(cut) + unpacked : cut.partial_bytes;
}

}  // namespace

const OpLaunch product_launch = {launch_product, product_scratch};

}  // namespace ipa::gpu
