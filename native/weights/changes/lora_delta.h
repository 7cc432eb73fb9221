// What one module of a LoRA adds to a weight, as its tensors describe it: W + factor * delta.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "weights/changes/lora_matrix.h"
#include "weights/tensor_source.h"

namespace ipa {

// How two matrices make one: LoHa multiplies them element by element, LoKr by Kronecker's product.
enum class LoraJoin : uint8_t { first_only, hadamard, kronecker };

struct LoraDelta {
  LoraJoin join = LoraJoin::first_only;
  LoraMatrix first, second;

  // Whether the tensors fit each other; Code::shape names one that does not.
  Status check() const;
  // Of a checked delta: whether it is of a weight's shape.
  // (out, in) and (out, in, 1, 1) are the same weights, and columns may be written as one dimension.
  bool fits(const std::vector<int64_t>& weight) const;
  // The values for a weight of `elements` that it fits, row by row. Whatever the ranks are, the result
  // and all that is held beside it while it is made take three times the weight's memory at most (and a little
  // for very small ones), if the source reads parts of tensors. Code::cancelled; errors of reading.
  Result<std::vector<float>> read(const TensorSource& source, int64_t elements,
                                  const LoraMath& math = {}) const;
};

}  // namespace ipa
