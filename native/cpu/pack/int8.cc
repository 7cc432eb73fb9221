#include "cpu/pack/int8.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/pack/panels.h"

namespace ipa {
namespace {

constexpr int64_t alignment = 64;
int64_t padded_to_line(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

Int8Layout::Int8Layout(const Param& param, const PanelLayout& layout) {
  const MatrixSize m = matrix_size(param);
  row_bytes = int8_row_bytes(m.in);
  for (const PanelColumns& panel : panel_columns(param, layout)) padded_columns += panel.width;
  excess = padded_to_line(m.taps * row_bytes * padded_columns);
  scales = padded_to_line(excess + m.taps * padded_columns * static_cast<int64_t>(sizeof(int32_t)));
  bytes = padded_to_line(scales + padded_columns * static_cast<int64_t>(sizeof(float)));
}

void pack_int8(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out) {
  const MatrixSize m = matrix_size(param);
  const Int8Layout parts(param, kernels.panels);
  auto* start = static_cast<uint8_t*>(out);
  uint8_t* weights = start;
  auto* excess = reinterpret_cast<int32_t*>(start + parts.excess);
  auto* scales = reinterpret_cast<float*>(start + parts.scales);
  const int64_t row_elements = m.in * m.taps, groups = parts.row_bytes / 4;
  StoredRows rows(param, kernels, stored);
  // A row of the checkpoint, and the same tap by tap in whole groups.
  std::vector<int8_t> row(static_cast<size_t>(row_elements)),
      taps(static_cast<size_t>(m.taps * parts.row_bytes));
  int64_t before = 0;
  for (const PanelColumns& panel : panel_columns(param, kernels.panels)) {
    for (int64_t j = 0; j < panel.width; ++j) {
      const int64_t channel = panel.channel(j);
      scales[before + j] = 0;
      if (channel < 0) {
        std::fill(taps.begin(), taps.end(), int8_t{0});
      } else {
        scales[before + j] =
            kernels.of(Compute::int8).round_weights(rows.floats(channel), row_elements, row.data());
        for (int64_t tap = 0; tap < m.taps; ++tap)
          for (int64_t i = 0; i < m.in; ++i)
            taps[static_cast<size_t>(tap * parts.row_bytes + i)] = row[static_cast<size_t>(i * m.taps + tap)];
      }
      for (int64_t tap = 0; tap < m.taps; ++tap) {
        const int8_t* from = taps.data() + tap * parts.row_bytes;
        int32_t sum = 0;
        for (int64_t i = 0; i < parts.row_bytes; ++i) sum += from[i];
        excess[tap * parts.padded_columns + before + j] = 128 * sum;
        uint8_t* to = weights + tap * parts.row_bytes * panel.width + 4 * j;
        for (int64_t g = 0; g < groups; ++g) std::memcpy(to + g * 4 * panel.width, from + 4 * g, 4);
      }
    }
    weights += m.taps * parts.row_bytes * panel.width;
    before += panel.width;
  }
}

}  // namespace ipa
