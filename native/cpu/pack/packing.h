// Weights in the layout the matrix kernels read (PanelLayout in cpu/kernels/kernels.h).
// The zero padding of a last panel is packed too.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"
#include "graph/params.h"

namespace ipa {

// Layout of a matrix: by its `compute` and `halves`.
int64_t packed_bytes(const Param& param, const Kernels& kernels);
void pack_param(const Param& param, const Kernels& kernels, const StoredTensors& stored, void* out);

}  // namespace ipa
