#include "cpu/pack/panels.h"

#include <algorithm>

namespace ipa {

MatrixSize matrix_size(const Param& param) {
  MatrixSize m;
  m.out = param.out_features();
  m.in = param.shape[1];
  for (size_t i = 2; i < param.shape.size(); ++i) m.taps *= param.shape[i];
  return m;
}

StoredRows::StoredRows(const Param& param, const Kernels& kernels, const StoredTensors& stored)
    : param_(param), kernels_(kernels), stored_(stored), elements_(param.elements_each() / param.shape[0]) {
  if (stored.halves) wide_.resize(static_cast<size_t>(elements_));
}

const float* StoredRows::floats(int64_t channel) {
  const void* tensor = stored_.tensors[static_cast<size_t>(channel / param_.shape[0])];
  const int64_t at = channel % param_.shape[0] * elements_;
  if (!stored_.halves) return static_cast<const float*>(tensor) + at;
  kernels_.widen(static_cast<const uint16_t*>(tensor) + at, elements_, wide_.data());
  return wide_.data();
}

std::vector<PanelColumns> panel_columns(const Param& param, const PanelLayout& layout) {
  const bool geglu = param.role == ParamRole::geglu_linear;
  const int64_t outs = param.out_features() / (geglu ? 2 : 1), most = layout.panel / (geglu ? 2 : 1);
  std::vector<PanelColumns> panels;
  for (int64_t first = 0; first < outs; first += most) {
    PanelColumns panel;
    panel.first = first;
    panel.columns = std::min(most, outs - first);
    panel.width = (panel.columns + layout.lanes - 1) / layout.lanes * layout.lanes;
    if (geglu) {
      panel.gates = panel.width;
      panel.gates_first = outs;
      panel.width *= 2;
    }
    panels.push_back(panel);
  }
  return panels;
}

}  // namespace ipa
