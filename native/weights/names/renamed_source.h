// A TensorSource under other names: how the dialects of checkpoint files are brought to one naming.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// What a tensor is to be called. Tensors that are not listed disappear.
struct Renaming {
  size_t index = 0;  // in the inner source's tensors()
  std::string name;
  std::vector<int64_t> shape;  // as many elements as the inner tensor's, same order in memory
};

// Code::duplicate when two tensors get the same name.
Result<std::unique_ptr<TensorSource>> rename_tensors(std::unique_ptr<TensorSource> inner,
                                                     const std::vector<Renaming>& renamings);

}  // namespace ipa
