#include "cpu/packing.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/winograd.h"

namespace ipa {
namespace {

struct Matrix {
  int64_t out = 0, taps = 1, in = 0;  // a convolution's tap is one (ky, kx)
};

Matrix matrix_of(const Param& param) {
  Matrix m;
  m.out = param.out_features();
  m.in = param.shape[1];
  for (size_t i = 2; i < param.shape.size(); ++i) m.taps *= param.shape[i];
  return m;
}

// Columns [first, first + width) of the transposed weight: row `column(j)` of the stacked sources, or nothing
// past the end.
template <class Column>
void pack_panel(const Param& param, const Matrix& m, const float* const* sources, int64_t width, Column column,
                float* out) {
  const int64_t rows_each = param.shape[0];
  std::vector<const float*> rows(static_cast<size_t>(width), nullptr);
  for (int64_t j = 0; j < width; ++j) {
    const int64_t row = column(j);
    if (row >= 0) rows[static_cast<size_t>(j)] = sources[row / rows_each] + row % rows_each * m.in * m.taps;
  }
  // Stored (out, in, kh, kw), read (kh, kw, in): the walk is along `in`, in blocks that keep every source row
  // in the cache.
  constexpr int64_t block = 64;
  for (int64_t tap = 0; tap < m.taps; ++tap)
    for (int64_t i0 = 0; i0 < m.in; i0 += block) {
      const int64_t i1 = std::min(m.in, i0 + block);
      for (int64_t j = 0; j < width; ++j) {
        const float* row = rows[static_cast<size_t>(j)];
        float* to = out + (tap * m.in + i0) * width + j;
        for (int64_t i = i0; i < i1; ++i, to += width) *to = row ? row[i * m.taps + tap] : 0.0f;
      }
    }
}

}  // namespace

int64_t packed_floats(const Param& param, const PanelLayout& layout) {
  const auto stacked = static_cast<int64_t>(param.names.size());
  switch (param.role) {
    case ParamRole::vector:
    case ParamRole::rows: return param.elements_each() * stacked;
    case ParamRole::conv2d:
      if (const int outputs = winograd_outputs(param)) return winograd_packed_floats(param, outputs, layout);
      [[fallthrough]];
    case ParamRole::linear: {
      const Matrix m = matrix_of(param);
      return layout.padded(m.out) * m.taps * m.in;
    }
    case ParamRole::geglu_linear: {
      const Matrix m = matrix_of(param);
      const int64_t out = m.out / 2, half = layout.panel / 2, whole = out / half * half;
      return 2 * (whole + (out - whole + layout.lanes - 1) / layout.lanes * layout.lanes) * m.in;
    }
  }
  return 0;
}

void pack_param(const Param& param, const PanelLayout& layout, const float* const* sources, float* out) {
  if (param.role == ParamRole::vector || param.role == ParamRole::rows) {
    const int64_t each = param.elements_each();
    for (size_t i = 0; i < param.names.size(); ++i)
      std::memcpy(out + static_cast<int64_t>(i) * each, sources[i], static_cast<size_t>(each) * 4);
    return;
  }
  if (const int outputs = param.role == ParamRole::conv2d ? winograd_outputs(param) : 0) {
    winograd_pack(param, outputs, layout, sources[0], out);
    return;
  }
  const Matrix m = matrix_of(param);
  if (param.role == ParamRole::geglu_linear) {
    const int64_t outs = m.out / 2, half = layout.panel / 2;
    for (int64_t first = 0; first < outs; first += half) {
      const int64_t columns = std::min(half, outs - first);
      const int64_t part = (columns + layout.lanes - 1) / layout.lanes * layout.lanes;
      pack_panel(
          param, m, sources, 2 * part,
          [&](int64_t j) {
            const int64_t c = j < part ? j : j - part;
            return c < columns ? (j < part ? 0 : outs) + first + c : int64_t{-1};
          },
          out);
      out += 2 * part * m.in;
    }
    return;
  }
  for (int64_t p = 0; p < layout.panels(m.out); ++p) {
    const int64_t width = layout.width(m.out, p), first = p * layout.panel;
    pack_panel(
        param, m, sources, width, [&](int64_t j) { return first + j < m.out ? first + j : int64_t{-1}; }, out);
    out += width * m.taps * m.in;
  }
}

}  // namespace ipa
