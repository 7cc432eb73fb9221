// Reading of tensors whose elements lie in another order than row-major: transposed ones, and parts of others.
#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

bool is_row_major(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

// As read_stored_tensor, for any strides (in elements).
// Takes memory for the whole range the tensor lies in: Code::no_memory when there is none.
Status read_strided_tensor(const ByteSource& file, uint64_t begin, const TensorInfo& info,
                           const std::vector<int64_t>& strides, DType as, void* out);

}  // namespace ipa
