// Reads inputs (u32 little-endian length, then bytes, repeated) from stdin and prints our verdict on each as a
// GGUF file, one a line: the error's name, or OK, of each text KEY=CRC and of each tensor NAME:TYPE:SHAPE:CRC,
// keys and names in hexadecimal, the checksums those of the text and of the tensor's bytes. For
// tools/fuzz/gguf_differential.py. Every tensor of a good input is also read as f32.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "base/crc32.h"
#include "weights/formats/gguf/gguf.h"

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
  const auto source = ipa::open_gguf_bytes(std::move(bytes), "stdin");
  if (!source.ok()) return ipa::error_name(source.status().code());
  std::string line = "OK";
  for (const auto& [key, text] : source.value()->texts())
    line += " " + hexadecimal(key) + "=" + std::to_string(ipa::crc32(0, text.data(), text.size()));
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    std::vector<uint8_t> out(static_cast<size_t>(info.bytes));
    std::vector<float> values(static_cast<size_t>(info.elements()));
    ipa::Status status = source.value()->read(info, info.type, out.data());
    if (status.ok()) status = source.value()->read_f32(info, values.data());
    if (!status.ok()) return ipa::error_name(status.code());
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
