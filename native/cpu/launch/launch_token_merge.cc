// Token merging as launches.
#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_scratch.h"

namespace ipa {

void LaunchBuilder::token_map(const Step& step) {
  const Shape& in = step.input_shapes[0];
  const TokenMapScratch scratch(step);
  auto* shared = reinterpret_cast<float*>(arena_ + step.scratch_offset);
  TokenMapArgs g;
  g.x_stride = step.inputs[0].row_stride;
  g.h = in.h;
  g.w = in.w;
  g.channels = in.c;
  g.merged = step.node->offset;
  g.layout = kernels_.panels;
  g.panels = shared + scratch.panels;
  g.scores = shared + scratch.scores;
  g.lengths = shared + scratch.lengths;
  g.best = shared + scratch.best;
  g.best_of = reinterpret_cast<int32_t*>(shared + scratch.best_of);
  g.order = reinterpret_cast<int32_t*>(shared + scratch.order);
  GemmArgs product;
  product.a_stride = g.x_stride;
  product.n = g.destinations();
  product.k = g.channels;
  product.b = g.panels;
  product.c = g.scores;
  product.c_stride = product.n;
  product.panels = kernels_.panels.panels(product.n);
  for (int64_t item = 0; item < in.n; ++item) {
    g.x = at(step.inputs[0]) + item * g.tokens() * g.x_stride;
    g.slots = reinterpret_cast<int32_t*>(at(step.out)) + item * g.tokens();
    g.first_slot = item * (g.tokens() - g.merged);
    const double elements = static_cast<double>(g.tokens() * g.channels);
    g.block_rows = std::clamp<int64_t>(32768 / g.channels, 1, g.tokens());
    push(
        g,
        [](const Kernels&, const Launch::Arguments& a, int64_t task, float*) {
          token_lengths(get<TokenMapArgs>(a), task);
        },
        ceil_div(g.tokens(), g.block_rows), elements, step, 0);
    push(
        g,
        [](const Kernels&, const Launch::Arguments& a, int64_t task, float*) {
          pack_destinations(get<TokenMapArgs>(a), task);
        },
        product.panels, elements, step, 0);
    for (g.first_row = 0; g.first_row < g.tokens(); g.first_row += scratch.part_rows) {
      g.rows = std::min(scratch.part_rows, g.tokens() - g.first_row);
      product.a = g.x + g.first_row * g.x_stride;
      product.m = product.rows_per_item = g.rows;
      cut_rows(product, g.rows, gemm_block_rows);
      const auto scores = static_cast<double>(g.rows * product.n);
      push(
          product,
          [](const Kernels& k, const Launch::Arguments& a, int64_t task, float* s) {
            k.gemm(get<GemmArgs>(a), task, s);
          },
          product.panels * product.blocks, scores * static_cast<double>(g.channels) / 4, step,
          thread_scratch_floats(step));
      g.block_rows = std::clamp<int64_t>(32768 / product.n, 1, g.rows);
      push(
          g,
          [](const Kernels&, const Launch::Arguments& a, int64_t task, float*) {
            best_destinations(get<TokenMapArgs>(a), task);
          },
          ceil_div(g.rows, g.block_rows), scores, step, 0);
    }
    push(
        g,
        [](const Kernels&, const Launch::Arguments& a, int64_t, float*) { assign_slots(get<TokenMapArgs>(a)); },
        1, 0, step, 0);
  }
}

void LaunchBuilder::merged_rows(const Step& step) {
  const Shape& in = step.input_shapes[0];
  MergeRowsArgs g;
  g.x = at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.slots = reinterpret_cast<const int32_t*>(at(step.inputs[1]));
  g.out = at(step.out);
  g.out_stride = step.out.row_stride;
  g.tokens = in.rows_per_item();
  g.kept = step.out_shape.rows_per_item();
  g.channels = in.c;
  g.block_channels = std::min<int64_t>(64, in.c);
  g.blocks = ceil_div(in.c, g.block_channels);
  push(
      g,
      [](const Kernels&, const Launch::Arguments& a, int64_t task, float* s) {
        merge_rows(get<MergeRowsArgs>(a), task, s);
      },
      in.n * g.blocks, static_cast<double>(in.elements()), step, thread_scratch_floats(step));
}

}  // namespace ipa
