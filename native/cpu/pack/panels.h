// How a weight is cut into the panels that the matrix kernels read (PanelLayout in cpu/kernels/kernels.h).
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "graph/params.h"

namespace ipa {

// What the columns of one packed panel are.
struct PanelColumns {
  int64_t width = 0;
  int64_t first = 0, columns = 0;      // output channels [first, first + columns)
  int64_t gates = 0, gates_first = 0;  // geglu: the column and the channel where its gates begin
  // Output channel of a column, -1 for padding.
  int64_t channel(int64_t column) const {
    const bool gate = gates > 0 && column >= gates;
    const int64_t i = gate ? column - gates : column;
    return i >= columns ? -1 : (gate ? gates_first : 0) + first + i;
  }
};
std::vector<PanelColumns> panel_columns(const Param& param, const PanelLayout& layout);

// A parameter as a matrix; a convolution's tap is one (ky, kx).
struct MatrixSize {
  int64_t out = 0, taps = 1, in = 0;
};
MatrixSize matrix_size(const Param& param);

// The rows of a matrix in f32: one output channel's weights as the checkpoint stores them.
class StoredRows {
 public:
  StoredRows(const Param& param, const Kernels& kernels, const StoredTensors& stored);
  // Valid until the next call.
  const float* floats(int64_t channel);

 private:
  const Param& param_;
  const Kernels& kernels_;
  const StoredTensors& stored_;
  int64_t elements_;
  std::vector<float> wide_;
};

}  // namespace ipa
