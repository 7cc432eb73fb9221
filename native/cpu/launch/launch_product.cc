// Matrix products and convolutions as launches.
#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"
#include "cpu/launch/launch_winograd.h"
#include "cpu/launch/product_parts.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"

namespace ipa {
namespace {

Compute compute_of(const Step& step) { return step.node->params[0]->compute; }

// In units of a light op's element.
double product_work(const GemmArgs& g) {
  return 2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k) * g.taps_h *
         g.taps_w / 8;
}

// What is read again and again from beyond the second-level cache decides:
// all rows for every panel, or all weights for every block of rows.
void order_tasks(GemmArgs& g, Compute compute) {
  constexpr double cache = 512 << 10;
  const double size = compute == Compute::f32 ? 4 : compute == Compute::int8 ? 1 : 2;
  auto traffic = [](double bytes, int64_t times) {
    return bytes <= cache ? bytes : bytes * static_cast<double>(times);
  };
  const double rows = size * static_cast<double>(g.m * g.k);
  const double weights = size * static_cast<double>(g.n * g.k * g.taps_h * g.taps_w * (g.geglu ? 2 : 1));
  g.by_blocks = traffic(weights, g.blocks) < traffic(rows, g.panels);
}

void set_epilogue(GemmArgs& g, const LaunchBuilder& builder, const Step& step) {
  g.bias = weights(step, 1);
  g.activation = step.activation;
  g.geglu = step.node->op == Op::geglu_linear;
  if (step.item_bias.valid) {
    g.item_bias = builder.at(step.item_bias);
    g.item_bias_stride = step.item_bias_shared ? 0 : step.item_bias.row_stride;
  }
  if (step.residual.valid) {
    g.residual = builder.at(step.residual);
    g.residual_stride = step.residual.row_stride;
    g.residual_bf16 = step.residual_storage == Storage::bf16;
    g.residual_period = step.residual_period;
  }
}

void set_taps(GemmArgs& g, LaunchBuilder& builder, const Step& step) {
  const Conv& conv = step.node->conv;
  const Shape &in = step.input_shapes[0], &out = step.out_shape;
  const bool padded = conv.pad_top || conv.pad_left || conv.pad_bottom || conv.pad_right;
  if (conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && !padded && !step.upsample_h)
    return;  // a linear of every pixel
  g.conv = true;
  g.taps_h = conv.kernel_h;
  g.taps_w = conv.kernel_w;
  g.stride = conv.stride;
  g.pad_top = conv.pad_top;
  g.pad_left = conv.pad_left;
  g.wrap = step.node->wrap;
  g.in_h = g.over_h = in.h;
  g.in_w = g.over_w = in.w;
  g.out_h = out.h;
  g.out_w = out.w;
  g.zeros = builder.memory().zeros.floats();
  if (step.upsample_h) {
    g.over_h = step.upsample_h;
    g.over_w = step.upsample_w;
    g.map_h = builder.nearest_map(in.h, g.over_h);
    g.map_w = builder.nearest_map(in.w, g.over_w);
  } else if (!padded && g.a_stride == in.c && compute_of(step) == Compute::f32) {
    // Without padding the taps of a row are neighbours in memory:
    // one long tap a kernel row (patch embeddings).
    g.k = in.c * conv.kernel_w;
    g.taps_w = 1;
  }
}

GemmArgs product_arguments(LaunchBuilder& builder, const Step& step) {
  const Shape& out = step.out_shape;
  GemmArgs g;
  g.a = builder.at(step.inputs[0]);
  g.a_stride = step.inputs[0].row_stride;
  g.a_bf16 = step.input_storages[0] == Storage::bf16;
  g.m = out.rows();
  g.n = out.c;
  g.k = step.input_shapes[0].c;
  g.b = weights(step, 0);
  g.halves = step.node->params[0]->halves;
  g.c = builder.at(step.out);
  g.c_stride = step.out.row_stride;
  g.c_bf16 = step.out_storage == Storage::bf16;
  g.rows_per_item = out.rows_per_item();
  set_epilogue(g, builder, step);
  if (step.node->op == Op::conv2d) set_taps(g, builder, step);
  return g;
}

// The step's input, rounded whole before it is multiplied.
void round_rows(LaunchBuilder& builder, const RoundedRows& to, const Step& step) {
  QuantizeArgs q;
  q.a = builder.at(step.inputs[0]);
  q.a_stride = step.inputs[0].row_stride;
  q.a_bf16 = step.input_storages[0] == Storage::bf16;
  q.rows = step.input_shapes[0].rows();
  q.k = step.input_shapes[0].c;
  q.rounded = builder.shared_scratch(step);
  q.row_size = to.size;
  q.scales = const_cast<float*>(to.scales);
  q.block_rows = std::clamp<int64_t>(32768 / q.k, 1, q.rows);
  builder.push(q, builder.kernels().of(compute_of(step)).round_rows, ceil_div(q.rows, q.block_rows),
               static_cast<double>(q.rows * q.k));
}

// What a product that is not in f32 reads besides: its rows, and the scales of its weights.
void set_rounded(GemmArgs& g, LaunchBuilder& builder, const Step& step) {
  const Param& param = *step.node->params[0];
  const auto* packed = param.data.address();
  const PanelLayout& panels = builder.kernels().panels;
  uint8_t* shared = builder.shared_scratch(step);
  RoundedRows& rounded = g.rounded;
  if (param.compute == Compute::int8) {
    const Int8Layout parts(param, panels);
    g.column_scale = reinterpret_cast<const float*>(packed + parts.scales);
    rounded.size = parts.row_bytes;
    rounded.zero_row = builder.memory().zero_bytes.data();
    rounded.excess = reinterpret_cast<const int32_t*>(packed + parts.excess);
    rounded.padded_columns = parts.padded_columns;
  } else {
    const PairsLayout parts(param, panels);
    if (param.compute != Compute::bf16) g.column_scale = reinterpret_cast<const float*>(packed + parts.scales);
    rounded.size = parts.row_size;
    rounded.zero_row = builder.memory().zeros.data();
  }
  if (param.compute != Compute::bf16)
    rounded.scales = reinterpret_cast<const float*>(shared + RoundedScratch(step).scales);
  if (RoundedScratch::needed(step)) {
    rounded.rows = shared;
    rounded.stride = rounded.size;
    round_rows(builder, rounded, step);
  } else {
    rounded.rows = g.a;
    rounded.stride = g.a_stride;
  }
}

void launch_product(LaunchBuilder& builder, const Step& step) {
  const Compute compute = compute_of(step);
  const Kernels& kernels = builder.kernels();
  GemmArgs g = product_arguments(builder, step);
  if (WinogradCut(step).outputs) {
    launch_winograd(builder, g, step);
    return;
  }
  g.panels = ceil_div(g.n, g.geglu ? kernels.panels.panel / 2 : kernels.panels.panel);
  cut_rows(g, g.m, gemm_block_rows, kernels, builder.threads());
  order_tasks(g, compute);
  if (compute != Compute::f32) set_rounded(g, builder, step);
  const double gain = compute == Compute::f32 ? 1 : compute == Compute::int8 ? 4 : 2;
  builder.push(g, kernels.of(compute).gemm, g.panels * g.blocks, product_work(g) / gain);
}

int64_t product_shared_scratch(const Step& step) {
  const WinogradCut cut(step);
  return (cut.outputs ? cut.bytes : RoundedScratch(step).bytes) / static_cast<int64_t>(sizeof(float));
}

int64_t product_thread_scratch(const Step& step) {
  if (WinogradCut(step).outputs) return winograd_thread_scratch(step);
  return (gemm_block_rows + (step.node->params[0]->halves ? gemm_halves_chunk : 0)) * widest_panel;
}

}  // namespace

const OpLaunch product_launch = {launch_product, product_shared_scratch, product_thread_scratch};

}  // namespace ipa
