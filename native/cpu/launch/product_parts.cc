#include "cpu/launch/product_parts.h"

#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"
#include "cpu/pack/winograd.h"

namespace ipa {
namespace {

constexpr int64_t line = 64;
constexpr int64_t aligned(int64_t bytes) { return (bytes + line - 1) / line * line; }

}  // namespace

void cut_rows(GemmArgs& g, int64_t rows, int64_t most, const Kernels& kernels, int threads) {
  const int64_t wanted = 4 * threads;
  g.block_rows = most;
  while (g.block_rows > kernels.tile_rows && ceil_div(rows, g.block_rows) * g.panels < wanted)
    g.block_rows = ceil_div(g.block_rows / 2, kernels.tile_rows) * kernels.tile_rows;
  g.block_rows = std::min(g.block_rows, most);
  g.blocks = ceil_div(rows, g.block_rows);
}

WinogradCut::WinogradCut(const Step& step) {
  outputs = winograd_outputs(step);
  if (outputs == 0) return;
  const Shape& out = step.out_shape;
  tiles_h = ceil_div(out.h, outputs);
  tiles_w = ceil_div(out.w, outputs);
  tiles = out.n * tiles_h * tiles_w;
  const Compute compute = step.node->params[0]->compute;
  const bool floats = compute == Compute::f32, scaled = !floats && compute != Compute::bf16;
  const auto size = static_cast<int64_t>(floats ? sizeof(float) : sizeof(int16_t));
  // Stays in the third-level cache, and is no burden on memory.
  constexpr int64_t part_bytes = int64_t{12} << 20;
  const int64_t most = std::max(winograd_block_tiles,
                                part_bytes / (size * winograd_positions(outputs) * step.input_shapes[0].c));
  // Parts of the same size, rather than a small one at the end.
  part_tiles = ceil_div(tiles, ceil_div(tiles, most));
  positions = winograd_positions(outputs);
  const int64_t rows = positions * part_tiles * ceil_div(step.input_shapes[0].c, winograd_chunk);
  scales = rows * winograd_chunk * size;
  bytes = scales + (scaled ? aligned(rows * static_cast<int64_t>(sizeof(float))) : 0);
}

bool RoundedScratch::needed(const Step& step) {
  const Compute compute = step.node->params[0]->compute;
  if (compute == Compute::f32) return false;
  return compute != Compute::bf16 || step.input_storages[0] != Storage::bf16 || step.input_shapes[0].c % 2 != 0;
}

RoundedScratch::RoundedScratch(const Step& step) {
  if (!needed(step)) return;
  const Compute compute = step.node->params[0]->compute;
  const int64_t k = step.input_shapes[0].c, rows = step.input_shapes[0].rows();
  const int64_t row_bytes =
      compute == Compute::int8 ? int8_row_bytes(k) : pairs_row_size(k) * static_cast<int64_t>(sizeof(int16_t));
  const int64_t row_scales = compute == Compute::bf16 ? 0 : compute == Compute::int8 ? 1 : int16_chunks(k);
  scales = aligned(rows * row_bytes);
  bytes = scales + aligned(rows * row_scales * static_cast<int64_t>(sizeof(float)));
}

}  // namespace ipa
