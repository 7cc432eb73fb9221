// One of the matrices that a LoRA's module is made of, as its tensors describe it.
#pragma once

#include <atomic>

#include "base/matrix_product.h"
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

// What multiplies, and who may stop it.
struct LoraMath {
  AddProduct add_product = add_product_plainly;
  const std::atomic<bool>* cancel = nullptr;
};

}  // namespace ipa
