#include "cpu/launch/launch_winograd.h"

#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/product_parts.h"
#include "cpu/pack/pairs.h"
#include "cpu/pack/winograd.h"

namespace ipa {

void launch_winograd(LaunchBuilder& builder, GemmArgs g, const Step& step) {
  const WinogradCut cut(step);
  const Param& param = *step.node->params[0];
  const Kernels& kernels = builder.kernels();
  uint8_t* shared = builder.shared_scratch(step);
  WinogradArgs w;
  w.outputs = cut.outputs;
  w.tiles_h = cut.tiles_h;
  w.tiles_w = cut.tiles_w;
  w.transformed = reinterpret_cast<float*>(shared);
  if (param.compute != Compute::f32) w.pairs = shared;
  if (param.compute == Compute::int8_weights) w.weight_gain = 32.0f;  // of 127, about int16_limit
  if (param.compute == Compute::int16 || param.compute == Compute::int8_weights) {
    w.scales = reinterpret_cast<float*>(shared + cut.scales);
    g.column_scale =
        reinterpret_cast<const float*>(param.data.address() + PairsLayout(param, kernels.panels).scales);
  }
  g.panels = ceil_div(g.n, kernels.panels.panel);
  const ComputeKernels& own = kernels.of(param.compute);
  for (w.first_tile = 0; w.first_tile < cut.tiles; w.first_tile += cut.part_tiles) {
    w.tile_count = std::min(cut.part_tiles, cut.tiles - w.first_tile);
    w.input_tiles = std::clamp<int64_t>(65536 / (cut.positions * g.k), 1, w.tile_count);
    cut_rows(g, w.tile_count, winograd_block_tiles, kernels, builder.threads());
    w.product = g;
    const auto transformed = static_cast<double>(w.tile_count * cut.positions * g.k);
    builder.push(w, own.winograd_input, ceil_div(w.tile_count, w.input_tiles), transformed * 2);
    builder.push(w, own.winograd_product, g.panels * g.blocks, transformed * static_cast<double>(g.n) / 4);
  }
}

int64_t winograd_thread_scratch(const Step& step) {
  const WinogradCut cut(step);
  // Products of every position, transformed weights (of a row in f32, of all in pairs), outputs of a tile.
  const int64_t rows = std::min(winograd_block_tiles, cut.part_tiles);
  return (cut.positions * (rows + winograd_chunk / 2) + cut.outputs * cut.outputs) * widest_panel;
}

}  // namespace ipa
