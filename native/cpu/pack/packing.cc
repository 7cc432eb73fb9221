#include "cpu/pack/packing.h"

#include <algorithm>
#include <cstring>

#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"
#include "cpu/pack/panels.h"

namespace ipa {
namespace {

// The transposed weights of a panel's columns.
template <class T>
void pack_panel(const Param& param, const MatrixSize& m, const StoredTensors& stored, const PanelColumns& panel,
                T* out) {
  const int64_t rows_each = param.shape[0];
  std::vector<const T*> rows(static_cast<size_t>(panel.width), nullptr);
  for (int64_t j = 0; j < panel.width; ++j) {
    const int64_t row = panel.channel(j);
    if (row >= 0)
      rows[static_cast<size_t>(j)] =
          static_cast<const T*>(stored.tensors[static_cast<size_t>(row / rows_each)]) +
          row % rows_each * m.in * m.taps;
  }
  // Stored (out, in, kh, kw), read (kh, kw, in):
  // the walk is along `in`, in blocks that keep every source row in the cache.
  constexpr int64_t block = 64;
  for (int64_t tap = 0; tap < m.taps; ++tap)
    for (int64_t i0 = 0; i0 < m.in; i0 += block) {
      const int64_t i1 = std::min(m.in, i0 + block);
      for (int64_t j = 0; j < panel.width; ++j) {
        const T* row = rows[static_cast<size_t>(j)];
        T* to = out + (tap * m.in + i0) * panel.width + j;
        for (int64_t i = i0; i < i1; ++i, to += panel.width) *to = row ? row[i * m.taps + tap] : T{0};
      }
    }
}

template <class T>
void pack_panels(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* destination) {
  auto* out = static_cast<T*>(destination);
  const MatrixSize m = matrix_size(param);
  for (const PanelColumns& panel : panel_columns(param, kernels.panels)) {
    pack_panel(param, m, stored, panel, out);
    out += panel.width * m.taps * m.in;
  }
}

}  // namespace

int64_t packed_bytes(const Param& param, const Kernels& kernels) {
  const auto size = static_cast<int64_t>(param.halves ? sizeof(uint16_t) : sizeof(float));
  if (!param.is_matrix()) return param.elements_each() * static_cast<int64_t>(param.names.size()) * size;
  if (param.compute == Compute::int8) return Int8Layout(param, kernels.panels).bytes;
  if (param.compute != Compute::f32) return PairsLayout(param, kernels.panels).bytes;
  const MatrixSize m = matrix_size(param);
  int64_t columns = 0;
  for (const PanelColumns& panel : panel_columns(param, kernels.panels)) columns += panel.width;
  return columns * m.taps * m.in * size;
}

void pack_param(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* destination) {
  if (param.is_matrix()) {
    if (param.compute == Compute::int8)
      pack_int8(param, kernels, stored, destination);
    else if (param.compute != Compute::f32)
      pack_pairs(param, kernels, stored, destination);
    else if (param.halves)
      pack_panels<uint16_t>(param, kernels, stored, destination);
    else
      pack_panels<float>(param, kernels, stored, destination);
    return;
  }
  const auto each =
      static_cast<size_t>(param.elements_each()) * (param.halves ? sizeof(uint16_t) : sizeof(float));
  auto* out = static_cast<uint8_t*>(destination);
  for (const void* tensor : stored.tensors) {
    std::memcpy(out, tensor, each);
    out += each;
  }
}

}  // namespace ipa
