// The Python names a PyTorch weight file may mention: an exact list, and no code behind any of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "weights/tensor_source.h"

namespace ipa {

enum class TorchNameKind : uint8_t {
  ordered_dict,
  rebuild_tensor,
  rebuild_tensor_of_type,  // of a storage of bytes, and its type
  rebuild_parameter,       // around a tensor, the first argument
  rebuild_subclass,        // by another of these names, with its arguments
  size,                    // torch.Size, a tuple
  storage,                 // of elements of `type`
  element_type,            // torch.float16 and so on
  unreadable,              // tensors and storages of other kinds: quantised, sparse, of complex numbers
  parameter_dict,          // a module that holds nothing but named parameters
  inert,                   // what old training checkpoints carry beside their tensors: never a part of one
};

struct TorchName {
  std::string_view module, name;
  TorchNameKind kind;
  DType type = DType::f32;
};

// nullptr when `module`.`name` is not on the list.
const TorchName* find_torch_name(std::string_view module, std::string_view name);

}  // namespace ipa
