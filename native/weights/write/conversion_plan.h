// Which type each tensor of a conversion gets.
#pragma once

#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// The tensors of `source` as a file of `type` (see encodable) holds them. Integers stay as they are. f32, f16
// and bf16 are the type of all others (scalars are f32 where others are bf16). A quantised type is that of the
// large weights only:
// - tensors with one size at most or up to 1024 values, and embeddings of positions, times and sizes, keep f16
//   where they have it, else f32;
//   (blocks of that very type are kept, whatever they are of);
// - what GGUF cannot have in whole blocks (gguf_shape) becomes f16, or keeps bf16.
// Code::unsupported for a tensor that cannot be read.
Result<std::vector<TensorInfo>> plan_conversion(const TensorSource& source, DType type);

}  // namespace ipa
