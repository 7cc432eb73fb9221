// Finds the scales in a file of weights, and which weights they belong to.
#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// A tensor as its users see it.
struct ScaledTensor {
  static constexpr size_t none = static_cast<size_t>(-1);
  size_t index = 0;     // in the file's tensors()
  size_t scale = none;  // of the tensor with one number, or one for every row
};

// Whether anything in the file is or may be scaled; by names only.
bool may_hold_scales(const TensorSource& source);

// All tensors but those that only say how others are stored, in file order. Errors of with_scales.
Result<std::vector<ScaledTensor>> find_scales(const TensorSource& source);

}  // namespace ipa
