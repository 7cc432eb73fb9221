#include "cpu/pack/pairs.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/pack/panels.h"

namespace ipa {

PairsLayout::PairsLayout(const Param& param, const PanelLayout& layout) {
  const MatrixSize m = matrix_size(param);
  row_size = pairs_row_size(m.in);
  for (const PanelColumns& panel : panel_columns(param, layout)) padded_columns += panel.width;
  constexpr int64_t line = 64;
  const auto size =
      static_cast<int64_t>(param.compute == Compute::int8_weights ? sizeof(int8_t) : sizeof(int16_t));
  scales = (m.taps * row_size * padded_columns * size + line - 1) / line * line;
  bytes = scales;
  if (param.compute != Compute::bf16) bytes += padded_columns * static_cast<int64_t>(sizeof(float));
}

namespace {

// T: of the size that the kernels' round_weights makes of a weight.
template <class T>
void pack_rows(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out) {
  const auto round = kernels.of(param.compute).round_weights;
  const MatrixSize m = matrix_size(param);
  const PairsLayout parts(param, kernels.panels);
  auto* weights = static_cast<T*>(out);
  float* scales = parts.bytes > parts.scales
                      ? reinterpret_cast<float*>(static_cast<uint8_t*>(out) + parts.scales)
                      : nullptr;
  StoredRows rows(param, kernels, stored);
  const int64_t size = m.taps * parts.row_size;
  // A row of the checkpoint, and a panel's rows tap by tap in whole pairs.
  std::vector<T> row(static_cast<size_t>(m.in * m.taps)), columns;
  for (const PanelColumns& panel : panel_columns(param, kernels.panels)) {
    columns.assign(static_cast<size_t>(panel.width * size), T{});
    for (int64_t j = 0; j < panel.width; ++j) {
      const int64_t channel = panel.channel(j);
      float scale = 0;
      if (channel >= 0) {
        scale = round(rows.floats(channel), m.in * m.taps, row.data());
        T* column = columns.data() + j * size;
        if (m.taps == 1) {
          std::copy(row.begin(), row.end(), column);
        } else {
          for (int64_t i = 0; i < m.in; ++i)
            for (int64_t tap = 0; tap < m.taps; ++tap)
              column[tap * parts.row_size + i] = row[static_cast<size_t>(i * m.taps + tap)];
        }
      }
      if (scales) *scales++ = scale;
    }
    // In blocks whose lines stay in the first-level cache until all columns are in them.
    constexpr int64_t block = 32;
    for (int64_t first = 0; first < size / 2; first += block) {
      const int64_t last = std::min(size / 2, first + block);
      for (int64_t j = 0; j < panel.width; ++j)
        for (int64_t pair = first; pair < last; ++pair)
          std::memcpy(weights + (pair * panel.width + j) * 2, columns.data() + j * size + 2 * pair,
                      2 * sizeof(T));
    }
    weights += size * panel.width;
  }
}

}  // namespace

void pack_pairs(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out) {
  // Words and bf16 alike are 16 bits.
  if (param.compute == Compute::int8_weights)
    pack_rows<int8_t>(param, kernels, stored, out);
  else
    pack_rows<uint16_t>(param, kernels, stored, out);
}

}  // namespace ipa
