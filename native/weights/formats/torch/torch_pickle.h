// What the pickle in a PyTorch file says, as inert data: values, tensors and the storages they lie in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor_source.h"

namespace ipa {

struct TorchName;

enum class PickleKind : uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  tuple,
  list,
  dict,
  name,
  storage,
  tensor,
  opaque,
};

// Small and copied freely; what can hold others is referred to by its index, so shared values stay shared.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  int64_t number = 0;     // boolean, integer; of tuple, list, dict, storage, tensor: the index
  std::string_view text;  // of a text, in the pickle's bytes
  const TorchName* name = nullptr;
};

struct TorchStorage {
  std::string key;  // decimal digits
  DType type = DType::f32;
  uint64_t elements = 0;
};

// A part of a storage; all of it, except in files of PyTorch before 0.4.
struct TorchStoragePart {
  size_t storage = 0;
  uint64_t begin = 0;  // in elements, as all below
  uint64_t elements = 0;
};

// Lies within its storage, and has no more elements than that.
struct TorchTensor {
  size_t storage = 0;
  DType type = DType::f32;  // the storage's, or what bytes without a type are read as
  uint64_t begin = 0;       // of its first element, in the storage, in elements of `type`
  std::vector<int64_t> shape, strides;
};

struct TorchPickle {
  PickleValue root;
  // Items of each tuple and list; of a dict, its keys and values in turn.
  std::vector<std::vector<PickleValue>> containers;
  std::vector<TorchStorage> storages;
  std::vector<TorchStoragePart> parts;
  std::vector<TorchTensor> tensors;
  size_t bytes = 0;  // length of the pickle
};

}  // namespace ipa
