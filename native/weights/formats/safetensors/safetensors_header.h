// The header of a safetensors file:
// a JSON table of tensors and the byte ranges they have in the data that follows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct SafetensorsLimits {
  static constexpr uint64_t header_bytes = 100'000'000;  // as the reference implementation
  static constexpr size_t tensors = 65'536;
  static constexpr size_t name_bytes = 512;
  static constexpr size_t rank = 8;
};

struct SafetensorsEntry {
  TensorInfo info;
  uint64_t begin = 0;  // offset in the data section
};

// Parses and checks a header (the JSON text, without its length) for `data_bytes` bytes of data.
// Entries come in data order and cover the data exactly: no hole, no overlap, nothing behind the last.
// Stricter than the reference implementation: names are unique after unescaping,
// entries have no further members, and SafetensorsLimits hold.
// `metadata`, where given, receives the members of __metadata__. Errors: Code::utf8, syntax, limit, type,
// duplicate, overflow, range, layout, truncated (well laid out, but the data ends too early).
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view text, uint64_t data_bytes,
                                                               Texts* metadata = nullptr);

}  // namespace ipa
