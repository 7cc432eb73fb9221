// Weights in int8 (Param::compute): bytes rounded to nearest even, one scale an output channel,
// in panels of groups of four bytes along the input.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"
#include "graph/params.h"

namespace ipa {

// Where the parts of a packed parameter lie, in bytes from its start.
struct Int8Layout {
  int64_t row_bytes = 0;       // inputs of one tap, padded to whole groups
  int64_t padded_columns = 0;  // of all panels
  int64_t excess = 0;          // i32 (taps, padded_columns), see Int8Args; the weights come before it
  int64_t scales = 0;          // f32 (padded_columns)
  int64_t bytes = 0;
  Int8Layout(const Param& param, const PanelLayout& layout);
};

constexpr int64_t int8_row_bytes(int64_t inputs) { return (inputs + 3) / 4 * 4; }

void pack_int8(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out);

}  // namespace ipa
