#include "cpu/launch/launch_scratch.h"

#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/token_merge.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"

namespace ipa {
namespace {

constexpr int64_t widest_panel = 64, widest_vector = 16;

}  // namespace

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
  bytes = scales + (scaled ? ceil_div(rows * static_cast<int64_t>(sizeof(float)), 64) * 64 : 0);
}

Int8Scratch::Int8Scratch(const Step& step) {
  const int64_t rows = step.input_shapes[0].rows();
  scales = ceil_div(rows * int8_row_bytes(step.input_shapes[0].c), 64) * 64;
  bytes = ceil_div(scales + rows * static_cast<int64_t>(sizeof(float)), 64) * 64;
}

bool PairsScratch::needed(const Step& step) {
  return step.node->params[0]->compute != Compute::bf16 || step.input_storages[0] != Storage::bf16 ||
         step.input_shapes[0].c % 2 != 0;
}

PairsScratch::PairsScratch(const Step& step) {
  if (!needed(step)) return;
  const int64_t k = step.input_shapes[0].c;
  const int64_t rows = step.input_shapes[0].rows();
  scales = ceil_div(rows * pairs_row_size(k) * static_cast<int64_t>(sizeof(int16_t)), 64) * 64;
  bytes = scales;
  if (step.node->params[0]->compute != Compute::bf16)
    bytes += ceil_div(rows * int16_chunks(k) * static_cast<int64_t>(sizeof(float)), 64) * 64;
}

int64_t thread_scratch_floats(const Step& step) {
  switch (step.node->op) {
    case Op::conv2d:
      if (const WinogradCut cut(step); cut.outputs) {
        // Products of every position, transformed weights (of a row in f32, of all in pairs), outputs of a
        // tile.
        const int64_t positions = winograd_positions(cut.outputs);
        const int64_t rows = std::min(winograd_block_tiles, cut.part_tiles);
        return (positions * (rows + winograd_chunk / 2) + cut.outputs * cut.outputs) * widest_panel;
      }
      [[fallthrough]];
    case Op::linear:
    case Op::geglu_linear:
      return (gemm_block_rows + (step.node->params[0]->halves ? gemm_halves_chunk : 0)) * widest_panel;
    case Op::attention: {
      const int64_t padded = ceil_div(step.node->kv.head_size, widest_vector) * widest_vector;
      return attention_query_block * (attention_key_block + 2 * padded);
    }
    case Op::token_map: return gemm_block_rows * widest_panel;
    case Op::merge_rows: return step.out_shape.rows_per_item();
    default: return 0;
  }
}

int64_t shared_scratch_floats(const Step& step) {
  if (const WinogradCut cut(step); cut.outputs) return cut.bytes / static_cast<int64_t>(sizeof(float));
  const Op op = step.node->op;
  if (op == Op::token_map) return TokenMapScratch(step).floats;
  const bool product = op == Op::linear || op == Op::geglu_linear || op == Op::conv2d;
  if (product && step.node->params[0]->compute == Compute::int8)
    return Int8Scratch(step).bytes / static_cast<int64_t>(sizeof(float));
  if (product && step.node->params[0]->compute != Compute::f32)
    return PairsScratch(step).bytes / static_cast<int64_t>(sizeof(float));
  if (op != Op::group_norm && op != Op::norm_statistics) return 0;
  const Shape& in = step.input_shapes[0];
  const int64_t floats = in.n * (ceil_div(in.rows_per_item(), group_norm_block) * 2 + 3) * in.c;
  return ceil_div(floats, 16) * 16;
}

}  // namespace ipa
