// How a weight file that is to be written is laid out:
// worked out from names, types and shapes, before any data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "weights/tensor_source.h"

namespace ipa {

struct FileLayout {
  std::string header;         // all bytes in front of the data
  std::vector<size_t> order;  // of the tensors' data, as indices
  uint64_t alignment = 1;     // zeros follow each tensor's data up to a multiple of this
  uint64_t bytes = 0;         // of the whole file
};

// What follows `bytes` bytes of data.
inline uint64_t padding_after(uint64_t bytes, uint64_t alignment) {
  return (alignment - bytes % alignment) % alignment;
}

}  // namespace ipa
