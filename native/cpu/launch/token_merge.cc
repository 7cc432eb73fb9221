#include "cpu/launch/token_merge.h"

#include <algorithm>
#include <cmath>

namespace ipa {
namespace {

constexpr int64_t whole_lines(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

TokenMapScratch::TokenMapScratch(const Step& step) {
  constexpr int64_t part_floats = int64_t{4} << 20;
  const Shape& in = step.input_shapes[0];
  const int64_t tokens = in.h * in.w, destinations = (in.h / 2) * (in.w / 2);
  part_rows =
      std::min(tokens, std::max<int64_t>(gemm_block_rows, part_floats / std::max<int64_t>(1, destinations)));
  auto take = [&](int64_t count) {
    const int64_t at = floats;
    floats += whole_lines(count);
    return at;
  };
  panels = take((destinations + widest_panel) * in.c);
  scores = take(part_rows * destinations);
  lengths = take(tokens);
  best = take(tokens);
  best_of = take(tokens);
  order = take(tokens);
}

void token_lengths(const TokenMapArgs& g, int64_t task, float*) {
  const int64_t last = std::min(g.tokens(), (task + 1) * g.block_rows);
  for (int64_t t = task * g.block_rows; t < last; ++t) {
    const float* row = g.x + t * g.x_stride;
    double sum = 0;
    for (int64_t c = 0; c < g.channels; ++c) sum += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    g.lengths[t] = sum > 0 ? static_cast<float>(1 / std::sqrt(sum)) : 0.0f;
  }
}

void pack_destinations(const TokenMapArgs& g, int64_t task, float*) {
  const int64_t count = g.destinations(), first = task * g.layout.panel, width = g.layout.width(count, task);
  float* panel = g.panels + first * g.channels;
  for (int64_t j = 0; j < width; ++j) {
    if (first + j >= count) {
      for (int64_t c = 0; c < g.channels; ++c) panel[c * width + j] = 0;
      continue;
    }
    const int64_t token = g.destination_token(first + j);
    const float* row = g.x + token * g.x_stride;
    for (int64_t c = 0; c < g.channels; ++c) panel[c * width + j] = row[c] * g.lengths[token];
  }
}

void best_destinations(const TokenMapArgs& g, int64_t task, float*) {
  const int64_t first = g.first_row + task * g.block_rows;
  const int64_t last = std::min(g.first_row + g.rows, first + g.block_rows), count = g.destinations();
  for (int64_t t = first; t < last; ++t) {
    const float* scores = g.scores + (t - g.first_row) * count;
    const auto* top = std::max_element(scores, scores + count);
    g.best_of[t] = static_cast<int32_t>(top - scores);
    g.best[t] = *top * g.lengths[t];
  }
}

void assign_slots(const TokenMapArgs& g, int64_t, float*) {
  int64_t sources = 0;
  for (int64_t t = 0; t < g.tokens(); ++t)
    if (!g.is_destination(t)) g.order[sources++] = static_cast<int32_t>(t);
  // A total order: the same tokens whatever the sorting makes of equal ones. What is no number comes last.
  auto key = [&](int32_t t) { return std::isnan(g.best[t]) ? -2.0f : g.best[t]; };
  const int64_t merged = std::min(g.merged, sources);
  std::nth_element(g.order, g.order + merged, g.order + sources,
                   [&](int32_t a, int32_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  // Destinations come first, then the sources that stay by themselves.
  auto slot = static_cast<int32_t>(g.first_slot);
  for (int64_t d = 0; d < g.destinations(); ++d) g.slots[g.destination_token(d)] = slot++;
  for (int64_t i = merged; i < sources; ++i) g.slots[g.order[i]] = slot++;
  for (int64_t i = 0; i < merged; ++i) {
    const int32_t token = g.order[i];
    g.slots[token] = static_cast<int32_t>(g.first_slot) + g.best_of[token];
  }
}

void merge_rows(const MergeRowsArgs& g, int64_t task, float* counts) {
  const int64_t item = task / g.blocks, first = task % g.blocks * g.block_channels;
  const int64_t channels = std::min(g.block_channels, g.channels - first), base = item * g.kept;
  float* out = g.out + base * g.out_stride + first;
  std::fill(counts, counts + g.kept, 0.0f);
  for (int64_t row = 0; row < g.kept; ++row) std::fill_n(out + row * g.out_stride, channels, 0.0f);
  for (int64_t t = item * g.tokens; t < (item + 1) * g.tokens; ++t) {
    const int64_t row = std::clamp<int64_t>(g.slots[t] - base, 0, g.kept - 1);
    const float* from = g.x + t * g.x_stride + first;
    float* to = out + row * g.out_stride;
    for (int64_t c = 0; c < channels; ++c) to[c] += from[c];
    counts[row] += 1;
  }
  for (int64_t row = 0; row < g.kept; ++row)
    if (counts[row] > 1)
      for (int64_t c = 0; c < channels; ++c) out[row * g.out_stride + c] /= counts[row];
}

}  // namespace ipa
