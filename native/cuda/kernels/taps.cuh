// Where a product finds what it multiplies: the input row under a tap of an output row, walked along the depth of the sums,
// which is (taps, padded channels).
#pragma once

#include "cuda/kernels/device.cuh"

namespace ipa::gpu {

// An output row, as its taps see it.
struct OutputRow {
  int64_t base;  // of the input's rows: the item's first; without taps the row itself
  int32_t y, x;  // of the first tap, in the enlarged input; may lie outside
  bool valid;
};

DEV OutputRow output_row(const ProductArgs& g, int64_t row) {
  OutputRow at = {row, 0, 0, row < g.rows};
  if (!g.conv) return at;
  const int64_t area = int64_t{g.taps.out_h} * g.taps.out_w;
  const int64_t item = row / area;
  const int32_t pixel = static_cast<int32_t>(row - item * area);
  at.base = item * g.taps.in_h * g.taps.in_w;
  at.y = pixel / g.taps.out_w * g.taps.stride - g.taps.pad_top;
  at.x = pixel % g.taps.out_w * g.taps.stride - g.taps.pad_left;
  return at;
}

// A place within one side of the enlarged input; -1: outside, where there are zeros.
DEV int32_t place_within(int32_t at, int32_t over, int32_t in, bool wrap) {
  if (at < 0 || at >= over) {
    if (!wrap) return -1;
    at %= over;
    if (at < 0) at += over;
  }
  if (over == in) return at;
  // PyTorch's rule for the nearest neighbour, in its precision.
  const float scale = static_cast<float>(in) / static_cast<float>(over);
  return min(in - 1, static_cast<int32_t>(floorf(static_cast<float>(at) * scale)));
}

// One column of the depth.
struct Depth {
  int32_t tap_y, tap_x, channel;

  DEV Depth(const ProductArgs& g, int32_t k) {
    const int32_t tap = k / g.padded_channels;
    channel = k - tap * g.padded_channels;
    tap_y = tap / g.taps.width;
    tap_x = tap - tap_y * g.taps.width;
  }
  DEV void advance(const ProductArgs& g, int32_t by) {
    channel += by;
    while (channel >= g.padded_channels) {
      channel -= g.padded_channels;
      if (++tap_x == g.taps.width) {
        tap_x = 0;
        ++tap_y;
      }
    }
  }
  // Not in the padding of the channels, nor beyond the end.
  DEV bool valid(const ProductArgs& g) const { return channel < g.channels && tap_y < g.taps.height; }
};

// The input row of a valid depth; -1: zeros.
DEV int64_t input_row(const ProductArgs& g, const OutputRow& row, const Depth& depth) {
  if (!row.valid) return -1;
  if (!g.conv) return row.base;
  const int32_t y = place_within(row.y + depth.tap_y, g.taps.over_h, g.taps.in_h, g.taps.wrap_y != 0);
  const int32_t x = place_within(row.x + depth.tap_x, g.taps.over_w, g.taps.in_w, g.taps.wrap_x != 0);
  return y < 0 || x < 0 ? -1 : row.base + int64_t{y} * g.taps.in_w + x;
}

}  // namespace ipa::gpu
