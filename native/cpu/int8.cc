#include "cpu/int8.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/packing.h"

namespace ipa {
namespace {

constexpr int64_t alignment = 64;
int64_t aligned(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

Int8Layout::Int8Layout(const Param& param, const PanelLayout& layout) {
  const MatrixSize m = matrix_size(param);
  row_bytes = int8_row_bytes(m.in);
  for (const PanelColumns& panel : panel_columns(param, layout)) padded_columns += panel.width;
  excess = aligned(m.taps * row_bytes * padded_columns);
  scales = aligned(excess + m.taps * padded_columns * static_cast<int64_t>(sizeof(int32_t)));
  bytes = aligned(scales + padded_columns * static_cast<int64_t>(sizeof(float)));
}

void pack_int8(const Param& param, const PanelLayout& layout, const float* const* sources, void* out) {
  const MatrixSize m = matrix_size(param);
  const Int8Layout parts(param, layout);
  std::memset(out, 0, static_cast<size_t>(parts.bytes));
  auto* start = static_cast<uint8_t*>(out);
  auto* weights = reinterpret_cast<int8_t*>(start);
  auto* excess = reinterpret_cast<int32_t*>(start + parts.excess);
  auto* scales = reinterpret_cast<float*>(start + parts.scales);
  int64_t before = 0;
  for (const PanelColumns& panel : panel_columns(param, layout)) {
    for (int64_t j = 0; j < panel.width; ++j) {
      const int64_t channel = panel.channel(j);
      if (channel < 0) continue;
      const float* row = sources[channel / param.shape[0]] + channel % param.shape[0] * m.in * m.taps;
      float most = 0;
      for (int64_t i = 0; i < m.in * m.taps; ++i) most = std::max(most, std::fabs(row[i]));
      const float factor = most > 1e-30f ? 127.0f / most : 0.0f;
      scales[before + j] = most / 127.0f;
      for (int64_t tap = 0; tap < m.taps; ++tap) {
        int8_t* to = weights + tap * parts.row_bytes * panel.width + 4 * j;
        int32_t sum = 0;
        for (int64_t i = 0; i < m.in; ++i) {
          const auto value = static_cast<int8_t>(std::nearbyint(row[i * m.taps + tap] * factor));
          to[i / 4 * 4 * panel.width + i % 4] = value;
          sum += value;
        }
        excess[tap * parts.padded_columns + before + j] = 128 * sum;
      }
    }
    weights += m.taps * parts.row_bytes * panel.width;
    before += panel.width;
  }
}

}  // namespace ipa
