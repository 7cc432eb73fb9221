// Token merging as launches.
#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"
#include "cpu/launch/product_parts.h"

namespace ipa {
namespace {

TokenMapArgs token_map_arguments(const LaunchBuilder& builder, const Step& step,
                                 const TokenMapScratch& scratch) {
  auto* shared = reinterpret_cast<float*>(builder.shared_scratch(step));
  const Shape& in = step.input_shapes[0];
  TokenMapArgs g;
  g.x_stride = step.inputs[0].row_stride;
  g.h = in.h;
  g.w = in.w;
  g.channels = in.c;
  g.merged = step.node->offset;
  g.layout = builder.kernels().panels;
  g.panels = shared + scratch.panels;
  g.scores = shared + scratch.scores;
  g.lengths = shared + scratch.lengths;
  g.best = shared + scratch.best;
  g.best_of = reinterpret_cast<int32_t*>(shared + scratch.best_of);
  g.order = reinterpret_cast<int32_t*>(shared + scratch.order);
  return g;
}

// Every token's best destination, a part of the tokens at a time.
void launch_best_destinations(LaunchBuilder& builder, TokenMapArgs g, int64_t part_rows) {
  GemmArgs product;
  product.a_stride = g.x_stride;
  product.n = g.destinations();
  product.k = g.channels;
  product.b = g.panels;
  product.c = g.scores;
  product.c_stride = product.n;
  product.panels = g.layout.panels(product.n);
  for (g.first_row = 0; g.first_row < g.tokens(); g.first_row += part_rows) {
    g.rows = std::min(part_rows, g.tokens() - g.first_row);
    product.a = g.x + g.first_row * g.x_stride;
    product.m = product.rows_per_item = g.rows;
    cut_rows(product, g.rows, gemm_block_rows, builder.kernels(), builder.threads());
    const auto scores = static_cast<double>(g.rows * product.n);
    builder.push(product, builder.kernels().of(Compute::f32).gemm, product.panels * product.blocks,
                 scores * static_cast<double>(g.channels) / 4);
    g.block_rows = std::clamp<int64_t>(32768 / product.n, 1, g.rows);
    builder.push(g, &best_destinations, ceil_div(g.rows, g.block_rows), scores);
  }
}

void launch_token_map(LaunchBuilder& builder, const Step& step) {
  const TokenMapScratch scratch(step);
  TokenMapArgs g = token_map_arguments(builder, step, scratch);
  for (int64_t item = 0; item < step.input_shapes[0].n; ++item) {
    g.x = builder.at(step.inputs[0]) + item * g.tokens() * g.x_stride;
    g.slots = reinterpret_cast<int32_t*>(builder.at(step.out)) + item * g.tokens();
    g.first_slot = item * (g.tokens() - g.merged);
    const double elements = static_cast<double>(g.tokens() * g.channels);
    g.block_rows = std::clamp<int64_t>(32768 / g.channels, 1, g.tokens());
    builder.push(g, &token_lengths, ceil_div(g.tokens(), g.block_rows), elements);
    builder.push(g, &pack_destinations, g.layout.panels(g.destinations()), elements);
    launch_best_destinations(builder, g, scratch.part_rows);
    builder.push(g, &assign_slots, 1, 0);
  }
}

int64_t token_map_shared_scratch(const Step& step) { return TokenMapScratch(step).floats; }
int64_t token_map_thread_scratch(const Step&) { return gemm_block_rows * widest_panel; }

void launch_merge_rows(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  MergeRowsArgs g;
  g.x = builder.at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.slots = reinterpret_cast<const int32_t*>(builder.at(step.inputs[1]));
  g.out = builder.at(step.out);
  g.out_stride = step.out.row_stride;
  g.tokens = in.rows_per_item();
  g.kept = step.out_shape.rows_per_item();
  g.channels = in.c;
  g.block_channels = std::min<int64_t>(64, in.c);
  g.blocks = ceil_div(in.c, g.block_channels);
  builder.push(g, &merge_rows, in.n * g.blocks, static_cast<double>(in.elements()));
}

int64_t merge_rows_scratch(const Step& step) { return step.out_shape.rows_per_item(); }

}  // namespace

const OpLaunch token_map_launch = {launch_token_map, token_map_shared_scratch, token_map_thread_scratch};
const OpLaunch merge_rows_launch = {launch_merge_rows, nullptr, merge_rows_scratch};

}  // namespace ipa
