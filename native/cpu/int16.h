// Weights in int16 and int8_weights (Param::compute): words or bytes rounded to nearest even, one scale an
// output channel, in panels of pairs along the input.
#pragma once

#include <cstdint>

#include "cpu/kernels.h"
#include "graph/params.h"

namespace ipa {

// Where the parts of a packed parameter lie, in bytes from its start.
struct Int16Layout {
  int64_t row_words = 0;       // inputs of one tap, padded to whole pairs
  int64_t padded_columns = 0;  // of all panels
  int64_t scales = 0;          // f32 (padded_columns); the weights come before it
  int64_t bytes = 0;
  Int16Layout(const Param& param, const PanelLayout& layout);
};

constexpr int64_t int16_row_words(int64_t inputs) { return (inputs + 1) / 2 * 2; }
constexpr int64_t int16_chunks(int64_t inputs) { return (inputs + int16_chunk - 1) / int16_chunk; }

void pack_int16(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out);

}  // namespace ipa
