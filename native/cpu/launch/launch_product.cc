// Matrix products and convolutions as launches.
#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_scratch.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"

namespace ipa {
namespace {

// In units of a light op's element.
double product_work(const GemmArgs& g) {
  return 2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k) * g.taps_h *
         g.taps_w / 8;
}

}  // namespace

// Blocks of at most `most` rows; smaller ones where there would be too few tasks for every thread to have some.
void LaunchBuilder::cut_rows(GemmArgs& g, int64_t rows, int64_t most) const {
  const int64_t wanted = 4 * threads_;
  g.block_rows = most;
  while (g.block_rows > kernels_.tile_rows && ceil_div(rows, g.block_rows) * g.panels < wanted)
    g.block_rows = ceil_div(g.block_rows / 2, kernels_.tile_rows) * kernels_.tile_rows;
  g.block_rows = std::min(g.block_rows, most);
  g.blocks = ceil_div(rows, g.block_rows);
}

// What is read again and again from beyond the second-level cache decides: all rows for every panel, or all
// weights for every block of rows.
void LaunchBuilder::order_tasks(GemmArgs& g, Compute compute) {
  constexpr double cache = 512 << 10;
  const double size = compute == Compute::f32 ? 4 : compute == Compute::int8 ? 1 : 2;
  auto traffic = [](double bytes, int64_t times) {
    return bytes <= cache ? bytes : bytes * static_cast<double>(times);
  };
  const double rows = size * static_cast<double>(g.m * g.k);
  const double weights = size * static_cast<double>(g.n * g.k * g.taps_h * g.taps_w * (g.geglu ? 2 : 1));
  g.by_blocks = traffic(weights, g.blocks) < traffic(rows, g.panels);
}

void LaunchBuilder::product(const Step& step) {
  const Shape& in = step.input_shapes[0];
  const Shape& out = step.out_shape;
  GemmArgs g;
  g.a = at(step.inputs[0]);
  g.a_stride = step.inputs[0].row_stride;
  g.a_bf16 = step.input_storages[0] == Storage::bf16;
  g.m = out.rows();
  g.n = out.c;
  g.k = in.c;
  g.b = weights(step, 0);
  g.halves = step.node->params[0]->halves;
  g.bias = weights(step, 1);
  g.c = at(step.out);
  g.c_stride = step.out.row_stride;
  g.c_bf16 = step.out_storage == Storage::bf16;
  g.rows_per_item = out.rows_per_item();
  g.activation = step.activation;
  g.geglu = step.node->op == Op::geglu_linear;
  if (step.item_bias.valid) {
    g.item_bias = at(step.item_bias);
    g.item_bias_stride = step.item_bias_shared ? 0 : step.item_bias.row_stride;
  }
  if (step.residual.valid) {
    g.residual = at(step.residual);
    g.residual_stride = step.residual.row_stride;
    g.residual_bf16 = step.residual_storage == Storage::bf16;
    g.residual_period = step.residual_period;
  }
  if (step.node->op == Op::conv2d) {
    const Conv& conv = step.node->conv;
    const bool padded = conv.pad_top || conv.pad_left || conv.pad_bottom || conv.pad_right;
    const bool pointwise =
        conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && !padded && !step.upsample_h;
    if (!pointwise) {
      g.conv = true;
      g.taps_h = conv.kernel_h;
      g.taps_w = conv.kernel_w;
      g.stride = conv.stride;
      g.pad_top = conv.pad_top;
      g.pad_left = conv.pad_left;
      g.in_h = g.over_h = in.h;
      g.in_w = g.over_w = in.w;
      g.out_h = out.h;
      g.out_w = out.w;
      g.zeros = memory_.zeros.floats();
      if (step.upsample_h) {
        g.over_h = step.upsample_h;
        g.over_w = step.upsample_w;
        g.map_h = nearest_map(in.h, g.over_h);
        g.map_w = nearest_map(in.w, g.over_w);
      } else if (!padded && g.a_stride == in.c && step.node->params[0]->compute == Compute::f32) {
        // Without padding the taps of a row are neighbours in memory: one long tap a kernel row (patch
        // embeddings).
        g.k = in.c * conv.kernel_w;
        g.taps_w = 1;
      }
    }
  }
  if (WinogradCut(step).outputs) {
    winograd(g, step);
    return;
  }
  const int64_t per_panel = g.geglu ? kernels_.panels.panel / 2 : kernels_.panels.panel;
  g.panels = ceil_div(g.n, per_panel);
  cut_rows(g, g.m, gemm_block_rows);
  order_tasks(g, step.node->params[0]->compute);
  if (step.node->params[0]->compute == Compute::int8) {
    int8(g, step);
    return;
  }
  if (step.node->params[0]->compute != Compute::f32) {
    pairs(g, step);
    return;
  }
  push(
      g,
      [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
        k.gemm(get<GemmArgs>(a), task, s);
      },
      g.panels * g.blocks, product_work(g), step, thread_scratch_floats(step));
}

// Of the step's input, whole.
void LaunchBuilder::round_rows(QuantizeArgs rounding, Task task, const Step& step) {
  rounding.a = at(step.inputs[0]);
  rounding.a_stride = step.inputs[0].row_stride;
  rounding.a_bf16 = step.input_storages[0] == Storage::bf16;
  rounding.rows = step.input_shapes[0].rows();
  rounding.k = step.input_shapes[0].c;
  rounding.block_rows = std::clamp<int64_t>(32768 / rounding.k, 1, rounding.rows);
  push(rounding, task, ceil_div(rounding.rows, rounding.block_rows),
       static_cast<double>(rounding.rows * rounding.k), step, 0);
}

void LaunchBuilder::int8(GemmArgs g, const Step& step) {
  const Param& param = *step.node->params[0];
  const Int8Layout parts(param, kernels_.panels);
  const Int8Scratch scratch(step);
  const auto* packed = static_cast<const uint8_t*>(param.data.data());
  uint8_t* shared = arena_ + step.scratch_offset;
  QuantizeArgs rounding;
  rounding.rounded = shared;
  rounding.row_size = parts.row_bytes;
  rounding.scales = reinterpret_cast<float*>(shared + scratch.scales);
  round_rows(
      rounding,
      [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
        k.quantize(get<QuantizeArgs>(a), task);
      },
      step);
  Int8Args q;
  g.column_scale = reinterpret_cast<const float*>(packed + parts.scales);
  q.product = g;
  q.bytes = shared;
  q.row_scales = rounding.scales;
  q.zero_row = reinterpret_cast<const uint8_t*>(memory_.zero_bytes.data());
  q.row_bytes = parts.row_bytes;
  q.weights = reinterpret_cast<const int8_t*>(packed);
  q.excess = reinterpret_cast<const int32_t*>(packed + parts.excess);
  q.padded_columns = parts.padded_columns;
  push(
      q,
      [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
        k.gemm_int8(get<Int8Args>(a), task, s);
      },
      g.panels * g.blocks, product_work(g) / 4, step, thread_scratch_floats(step));
}

void LaunchBuilder::pairs(GemmArgs g, const Step& step) {
  const Param& param = *step.node->params[0];
  const PairsLayout parts(param, kernels_.panels);
  const PairsScratch scratch(step);
  const auto* packed = static_cast<const uint8_t*>(param.data.data());
  uint8_t* shared = arena_ + step.scratch_offset;
  QuantizeArgs rounding;
  rounding.rounded = shared;
  rounding.row_size = parts.row_size;
  Task round = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
    k.round_rows_bf16(get<QuantizeArgs>(a), task);
  };
  Task product = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
    k.gemm_bf16(get<PairsArgs>(a), task, s);
  };
  if (param.compute != Compute::bf16) {
    rounding.scales = reinterpret_cast<float*>(shared + scratch.scales);
    g.column_scale = reinterpret_cast<const float*>(packed + parts.scales);
    round = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
      k.quantize_words(get<QuantizeArgs>(a), task);
    };
    product = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
      k.gemm_int16(get<PairsArgs>(a), task, s);
    };
  }
  PairsArgs q;
  q.product = g;
  q.rows = shared;
  q.row_stride = parts.row_size;
  if (PairsScratch::needed(step)) {
    round_rows(rounding, round, step);
  } else {
    q.rows = g.a;
    q.row_stride = g.a_stride;
  }
  q.row_scales = rounding.scales;
  q.zero_row = memory_.zeros.data();
  q.row_size = parts.row_size;
  q.weights = packed;
  q.byte_weights = param.compute == Compute::int8_weights;
  push(q, product, g.panels * g.blocks, product_work(g) / 2, step, thread_scratch_floats(step));
}

void LaunchBuilder::winograd(GemmArgs g, const Step& step) {
  const WinogradCut cut(step);
  const Param& param = *step.node->params[0];
  uint8_t* shared = arena_ + step.scratch_offset;
  WinogradArgs w;
  w.outputs = cut.outputs;
  w.tiles_h = cut.tiles_h;
  w.tiles_w = cut.tiles_w;
  w.transformed = reinterpret_cast<float*>(shared);
  Task input = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
    k.winograd_input(get<WinogradArgs>(a), task);
  };
  Task product = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
    k.winograd_product(get<WinogradArgs>(a), task, s);
  };
  if (param.compute == Compute::bf16) {
    w.pairs = shared;
    input = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
      k.winograd_input_bf16(get<WinogradArgs>(a), task);
    };
    product = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
      k.winograd_product_bf16(get<WinogradArgs>(a), task, s);
    };
  } else if (param.compute != Compute::f32) {
    w.pairs = shared;
    w.byte_weights = param.compute == Compute::int8_weights;
    w.weight_gain = w.byte_weights ? 32.0f : 1.0f;  // of 127, about int16_limit
    w.scales = reinterpret_cast<float*>(shared + cut.scales);
    g.column_scale = reinterpret_cast<const float*>(static_cast<const uint8_t*>(param.data.data()) +
                                                    PairsLayout(param, kernels_.panels).scales);
    input = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float*) {
      k.winograd_input_int16(get<WinogradArgs>(a), task);
    };
    product = [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
      k.winograd_product_int16(get<WinogradArgs>(a), task, s);
    };
  }
  g.panels = ceil_div(g.n, kernels_.panels.panel);
  for (w.first_tile = 0; w.first_tile < cut.tiles; w.first_tile += cut.part_tiles) {
    w.tile_count = std::min(cut.part_tiles, cut.tiles - w.first_tile);
    w.input_tiles = std::clamp<int64_t>(65536 / (cut.positions * g.k), 1, w.tile_count);
    cut_rows(g, w.tile_count, winograd_block_tiles);
    w.product = g;
    const auto transformed = static_cast<double>(w.tile_count * cut.positions * g.k);
    push(w, input, ceil_div(w.tile_count, w.input_tiles), transformed * 2, step, 0);
    push(w, product, g.panels * g.blocks, transformed * static_cast<double>(g.n) / 4, step,
         thread_scratch_floats(step));
  }
}

}  // namespace ipa
