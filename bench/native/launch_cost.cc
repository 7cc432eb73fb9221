#include "launch_cost.h"

#include <algorithm>

namespace ipa_bench {
namespace {

using namespace ipa::gpu;

double bytes_of(const Rows& rows, int64_t count, int64_t channels) {
  return rows.data ? static_cast<double>(count * channels * element_size(rows.element)) : 0;
}

// Of the epilogue, for a result of so many rows and columns.
double bytes_of(const Epilogue& e, int64_t rows, int64_t columns) {
  const int64_t residual_rows = e.residual_period ? e.residual_period : rows;
  return bytes_of(e.out, rows, columns) + bytes_of(e.residual, residual_rows, columns) +
         bytes_of(e.item_bias, e.item_bias_shared ? 1 : rows / e.rows_per_item, columns);
}

int64_t input_rows(const ProductArgs& g) {
  if (!g.conv) return g.rows;
  return g.rows / (int64_t{g.taps.out_h} * g.taps.out_w) * g.taps.in_h * g.taps.in_w;
}

LaunchCost product(const ProductArgs& g) {
  LaunchCost cost;
  const int64_t taps = int64_t{g.taps.height} * g.taps.width;
  const int64_t columns = int64_t{g.columns} * (g.epilogue.geglu ? 2 : 1);
  cost.flop = 2.0 * static_cast<double>(g.rows) * static_cast<double>(columns * taps * g.channels);
  cost.bytes = bytes_of(g.a, input_rows(g), g.channels) +
               static_cast<double>(g.weight_rows * taps * g.padded_channels * element_size(g.weight_element));
  cost.bytes += g.splits > 1 ? 4.0 * static_cast<double>(g.splits * g.rows * g.weight_rows)
                             : bytes_of(g.epilogue, g.rows, g.columns);
  cost.halves = g.compute != Element::f32;
  return cost;
}

LaunchCost product_finish(const ProductArgs& g) {
  return {0, 4.0 * static_cast<double>(g.splits * g.rows * g.weight_rows) +
                 bytes_of(g.epilogue, g.rows, g.columns)};
}

LaunchCost attention(const AttentionArgs& g) {
  LaunchCost cost;
  const int64_t rows = int64_t{g.items} * g.queries, channels = int64_t{g.heads} * g.head_size;
  cost.bytes = bytes_of(g.q, rows, channels) + bytes_of(g.out, rows, channels);
  for (int b = 0; b < g.branches; ++b) {
    const int64_t tokens = g.branch[b].tokens;
    cost.flop += 4.0 * static_cast<double>(rows * channels * tokens) * (g.causal ? 0.5 : 1);
    cost.bytes +=
        2.0 * static_cast<double>(g.items * tokens * g.heads * g.padded_head * element_size(g.compute));
  }
  cost.halves = g.compute != Element::f32;
  return cost;
}

LaunchCost norm(Kernel kernel, const GroupNormArgs& g) {
  const int64_t rows = int64_t{g.items} * g.rows;
  const double partial = 8.0 * g.items * g.blocks * g.channels, affine = 12.0 * g.items * g.channels;
  if (kernel == Kernel::norm_sums) return {0, bytes_of(g.x, rows, g.channels) + partial};
  if (kernel == Kernel::norm_finish) return {0, partial + affine};
  return {0, bytes_of(g.x, rows, g.channels) + bytes_of(g.out, rows, g.channels) + affine};
}

}  // namespace

LaunchCost cost_of(const Launches& launches, const Launch& launch) {
  const void* arguments = launches.arguments(launch);
  switch (launch.kernel) {
    case Kernel::product: return product(*static_cast<const ProductArgs*>(arguments));
    case Kernel::product_finish: return product_finish(*static_cast<const ProductArgs*>(arguments));
    case Kernel::attention: return attention(*static_cast<const AttentionArgs*>(arguments));
    case Kernel::norm_sums:
    case Kernel::norm_finish:
    case Kernel::norm_apply: return norm(launch.kernel, *static_cast<const GroupNormArgs*>(arguments));
    case Kernel::pack_kv: {
      const auto& g = *static_cast<const PackKvArgs*>(arguments);
      const int64_t rows = int64_t{g.items} * g.tokens, channels = int64_t{g.heads} * g.head_size;
      return {0, bytes_of(g.k, rows, channels) + bytes_of(g.v, rows, channels) +
                     2.0 * static_cast<double>(rows * g.heads * g.padded_head * element_size(g.compute))};
    }
    case Kernel::layer_norm: {
      const auto& g = *static_cast<const LayerNormArgs*>(arguments);
      return {0, bytes_of(g.x, g.rows, g.channels) + bytes_of(g.out, g.rows, g.channels)};
    }
    case Kernel::elementwise: {
      const auto& g = *static_cast<const ElementwiseArgs*>(arguments);
      const int64_t rows = g.b_period ? g.b_period : g.b_divide ? g.rows / g.b_divide : g.rows;
      return {0, bytes_of(g.a, g.rows, g.channels) + bytes_of(g.b, rows, g.channels) +
                     bytes_of(g.out, g.rows, g.channels)};
    }
    case Kernel::copy_rows: {
      const auto& g = *static_cast<const CopyArgs*>(arguments);
      const int64_t read = g.kind == CopyArgs::Kind::enlarge ? g.from_rows : g.rows;
      return {0, bytes_of(g.from, read, g.channels) + bytes_of(g.out, g.rows, g.channels)};
    }
    // Not in the networks that are counted.
    case Kernel::unpack:
    case Kernel::attention_map:
    case Kernel::merge_best:
    case Kernel::merge_ids:
    case Kernel::merge_rows: break;
  }
  return {};
}

const char* name_of(Kernel kernel) {
  constexpr const char* names[] = {"product",   "product_finish", "attention",  "attention_map", "pack_kv",
                                   "norm_sums", "norm_finish",    "norm_apply", "layer_norm",    "elementwise",
                                   "copy_rows", "merge_best",     "merge_ids",  "merge_rows",    "unpack"};
  static_assert(sizeof names / sizeof names[0] == kernel_count, "a name a kernel");
  return names[static_cast<size_t>(kernel)];
}

}  // namespace ipa_bench
