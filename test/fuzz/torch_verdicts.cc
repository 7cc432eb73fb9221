// Reads inputs (u32 little-endian length, then bytes, repeated) from stdin and prints our verdict on each as a
// PyTorch file, one a line: the error's name, or OK and of each tensor NAME:TYPE:SHAPE:CRC, the name in
// hexadecimal, the checksum that of its elements in row-major order. For tools/fuzz/torch_differential.py.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "base/crc32.h"
#include "weights/formats/torch/torch_file.h"

namespace {

std::string hexadecimal(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string verdict(std::vector<uint8_t> bytes) {
  const auto source = ipa::open_torch_bytes(std::move(bytes), "stdin");
  if (!source.ok()) return ipa::error_name(source.status().code());
  std::string line = "OK";
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    std::vector<uint8_t> out(static_cast<size_t>(info.bytes));
    const ipa::Status status = source.value()->read(info, info.type, out.data());
    if (!status.ok()) return ipa::error_name(status.code());
    if (info.type == ipa::DType::boolean) {
      for (uint8_t& byte : out) byte = byte != 0;
    }
    line += " " + hexadecimal(info.name) + ":" + ipa::dtype_name(info.type) + ":";
    for (const int64_t size : info.shape) line += std::to_string(size) + ",";
    line += ":" + std::to_string(ipa::crc32(0, out.data(), out.size()));
  }
  return line;
}

}  // namespace

int main() {
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
