// Weights in the layout the matrix kernels read (PanelLayout in cpu/kernels.h). The zero padding of a last
// panel is packed too.
#pragma once

#include <cstdint>

#include "cpu/kernels.h"
#include "graph/params.h"

namespace ipa {

// Floats of a packed parameter.
int64_t packed_floats(const Param& param, const PanelLayout& layout);
// sources[i]: the i-th named tensor, row-major as stored.
void pack_param(const Param& param, const PanelLayout& layout, const float* const* sources, float* out);

}  // namespace ipa
