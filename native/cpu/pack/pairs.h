// Weights in int16, int8_weights and bf16 (Param::compute) in panels of pairs along the input:
// words or bytes rounded to nearest even with one scale an output channel, or bf16.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"
#include "graph/params.h"

namespace ipa {

// Where the parts of a packed parameter lie, in bytes from its start.
struct PairsLayout {
  int64_t row_size = 0;        // inputs of one tap, padded to whole pairs
  int64_t padded_columns = 0;  // of all panels
  int64_t scales = 0;          // f32 (padded_columns), behind the weights; none of bf16
  int64_t bytes = 0;
  PairsLayout(const Param& param, const PanelLayout& layout);
};

constexpr int64_t pairs_row_size(int64_t inputs) { return (inputs + 1) / 2 * 2; }
constexpr int64_t int16_chunks(int64_t inputs) { return (inputs + int16_chunk - 1) / int16_chunk; }

void pack_pairs(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out);

}  // namespace ipa
