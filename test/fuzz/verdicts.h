// What the programs beside the fuzzers share: they read inputs from stdin (u32 little-endian length, then
// bytes, repeated) and print our verdict on each, one per line, for the comparisons of tools/fuzz/.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32.h"
#include "weights/dtype.h"
#include "weights/tensor_source.h"

namespace ipa_fuzz {

inline std::string hexadecimal(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

// NAME:TYPE:SHAPE:CRC, the name in hexadecimal, the checksum that of `bytes`.
inline std::string tensor_line(const ipa::TensorInfo& info, const std::vector<uint8_t>& bytes) {
  std::string line = hexadecimal(info.name) + ":" + ipa::dtype_name(info.type) + ":";
  for (const int64_t size : info.shape) line += std::to_string(size) + ",";
  return line + ":" + std::to_string(ipa::crc32(0, bytes.data(), bytes.size()));
}

template <class Verdict>
int print_verdicts(Verdict verdict) {
  uint8_t length[4];
  while (std::fread(length, 1, 4, stdin) == 4) {
    const uint32_t size =
        length[0] | uint32_t{length[1]} << 8 | uint32_t{length[2]} << 16 | uint32_t{length[3]} << 24;
    std::vector<uint8_t> bytes(size);
    if (size > 0 && std::fread(bytes.data(), 1, size, stdin) != size) return 1;
    std::puts(verdict(std::move(bytes)).c_str());
  }
  return 0;
}

}  // namespace ipa_fuzz
