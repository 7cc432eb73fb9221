// The header of a GGUF file, version 2 or 3: typed metadata and a table of tensors in the data that follows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct GgufLimits {
  static constexpr uint64_t tensors = 65'536;
  static constexpr uint64_t keys = 65'536;
  static constexpr uint64_t key_bytes = 65'535;
  static constexpr uint64_t string_bytes = uint64_t{16} << 20;
  static constexpr uint64_t name_bytes = 256;  // the format says 64, which half of SDXL's names exceed
  static constexpr uint32_t rank = 4;
  static constexpr uint32_t alignment = 65'536;
};

struct GgufEntry {
  TensorInfo info;     // shape row-major, or as comfy.gguf.orig_shape.NAME says
  uint64_t begin = 0;  // offset in the file
};

struct GgufHeader {
  std::vector<GgufEntry> entries;  // in data order
  Texts texts;                     // metadata of type string
};

// Reads and checks everything in front of the data, and that the file holds all data. Errors:
// Code::truncated, syntax (no GGUF, a key that is not printable ASCII), unsupported (version, byte order,
// a type that cannot be read, one part of a split file), limit, type, duplicate, utf8, overflow, layout,
// shape (an original shape of another size), range (tensors that overlap, lie apart or are not aligned).
Result<GgufHeader> read_gguf_header(const ByteSource& bytes);

}  // namespace ipa
