// How kernels have weights, keys and values in memory.
#pragma once

#include <cstdint>

namespace ipa {

// Weights (and keys) are cut in panels of `panel` columns; the last one is as wide as its columns rounded up
// to the vector length. Inside a panel, element (k, column) lies at k * width + column.
struct PanelLayout {
  int panel = 0;  // columns
  int lanes = 0;  // vector length
  int64_t width(int64_t columns, int64_t index) const {
    const int64_t left = columns - index * panel;
    return left >= panel ? panel : (left + lanes - 1) / lanes * lanes;
  }
  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
  int64_t padded(int64_t columns) const {
    const int64_t whole = columns / panel * panel;
    return whole + (columns - whole + lanes - 1) / lanes * lanes;
  }
};

// Keys and values of one (item, head), packed. Keys: panels of tokens over head_size.
// Values: panels of head_size over tokens, the panels of even width.
struct KvLayout {
  int64_t tokens = 0, padded_tokens = 0;
  int head_size = 0, padded_head = 0;
  int value_panels = 0;
  int64_t head_floats() const { return padded_tokens * (head_size + padded_head); }
  // In 16 bits (cpu/kernels/attention_pairs-inl.h), in whole cache lines: scales, keys, values.
  int64_t scale_floats() const { return (1 + padded_head + 15) / 16 * 16; }
  int64_t head_floats_pairs() const {
    const int64_t words = padded_tokens * ((head_size + 1) / 2 * 2 + padded_head);
    return scale_floats() + (words / 2 + 15) / 16 * 16;
  }
};

}  // namespace ipa
