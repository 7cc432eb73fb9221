// What one module of a LoRA adds to a weight, as its tensors describe it: W + factor * delta.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// (rows, columns...): stored whole, or as left (rows, rank) times right (rank, columns...).
struct LoraMatrix {
  const TensorInfo* whole = nullptr;
  const TensorInfo* left = nullptr;
  const TensorInfo* right = nullptr;
  // Tucker's decomposition of a convolution: (rank, rank, kernel...) between the two, which then have none.
  const TensorInfo* core = nullptr;
  bool left_transposed = false;  // (rank, rows)
};

// How two matrices make one: LoHa multiplies them element by element, LoKr by Kronecker's product.
enum class LoraJoin : uint8_t { first_only, hadamard, kronecker };

struct LoraDelta {
  LoraJoin join = LoraJoin::first_only;
  LoraMatrix first, second;

  // Whether the tensors fit each other; Code::shape names one that does not.
  Status check() const;
  // Of a checked delta: whether it is of a weight's shape. (out, in) and (out, in, 1, 1) are the same weights,
  // and columns may be written as one dimension.
  bool fits(const std::vector<int64_t>& weight) const;
  // The values, row by row.
  Result<std::vector<float>> read(const TensorSource& source) const;
};

}  // namespace ipa
