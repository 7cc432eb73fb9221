#include "cpu/int16.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/packing.h"

namespace ipa {

Int16Layout::Int16Layout(const Param& param, const PanelLayout& layout) {
  const MatrixSize m = matrix_size(param);
  row_words = int16_row_words(m.in);
  for (const PanelColumns& panel : panel_columns(param, layout)) padded_columns += panel.width;
  constexpr int64_t line = 64;
  const auto size = static_cast<int64_t>(param.compute == Compute::int16 ? sizeof(int16_t) : sizeof(int8_t));
  scales = (m.taps * row_words * padded_columns * size + line - 1) / line * line;
  bytes = scales + padded_columns * static_cast<int64_t>(sizeof(float));
}

namespace {

template <class T>
void pack_pairs(const Param& param, const Kernels& kernels, const StoredTensors& stored,
                float (*quantize)(const float*, int64_t, T*), void* out) {
  const MatrixSize m = matrix_size(param);
  const Int16Layout parts(param, kernels.panels);
  auto* weights = static_cast<T*>(out);
  auto* scales = reinterpret_cast<float*>(static_cast<uint8_t*>(out) + parts.scales);
  StoredRows rows(param, kernels, stored);
  // A row of the checkpoint, and the same tap by tap in whole pairs.
  std::vector<T> row(static_cast<size_t>(m.in * m.taps)), taps(static_cast<size_t>(m.taps * parts.row_words));
  for (const PanelColumns& panel : panel_columns(param, kernels.panels)) {
    for (int64_t j = 0; j < panel.width; ++j, ++scales) {
      const int64_t channel = panel.channel(j);
      *scales = 0;
      if (channel < 0) {
        std::fill(taps.begin(), taps.end(), T{0});
      } else {
        *scales = quantize(rows.floats(channel), m.in * m.taps, row.data());
        for (int64_t tap = 0; tap < m.taps; ++tap)
          for (int64_t i = 0; i < m.in; ++i)
            taps[static_cast<size_t>(tap * parts.row_words + i)] = row[static_cast<size_t>(i * m.taps + tap)];
      }
      for (int64_t pair = 0; pair < m.taps * parts.row_words / 2; ++pair)
        std::memcpy(weights + (pair * panel.width + j) * 2, taps.data() + 2 * pair, 2 * sizeof(T));
    }
    weights += m.taps * parts.row_words * panel.width;
  }
}

}  // namespace

void pack_int16(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out) {
  if (param.compute == Compute::int16)
    pack_pairs<int16_t>(param, kernels, stored, kernels.quantize_weight_words, out);
  else
    pack_pairs<int8_t>(param, kernels, stored, kernels.quantize_weights, out);
}

}  // namespace ipa
