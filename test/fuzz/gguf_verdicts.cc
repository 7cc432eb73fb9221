// Reads inputs (u32 little-endian length, then bytes, repeated) from stdin and prints our verdict on each as a
// GGUF file, one per line: the error's name, or OK, of each text KEY=CRC and of each tensor NAME:TYPE:SHAPE:CRC,
// keys and names in hexadecimal, the checksums those of the text and of the tensor's bytes. For
// tools/fuzz/gguf_differential.py. Every tensor of a good input is also read as f32.
#include <cstdint>
#include <string>
#include <vector>

#include "base/crc32.h"
#include "verdicts.h"
#include "weights/formats/gguf/gguf.h"

namespace {

std::string verdict(std::vector<uint8_t> bytes) {
  const auto source = ipa::open_gguf_bytes(std::move(bytes), "stdin");
  if (!source.ok()) return ipa::error_name(source.status().code());
  std::string line = "OK";
  for (const auto& [key, text] : source.value()->texts())
    line += " " + ipa_fuzz::hexadecimal(key) + "=" + std::to_string(ipa::crc32(0, text.data(), text.size()));
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    std::vector<uint8_t> out(static_cast<size_t>(info.bytes));
    std::vector<float> values(static_cast<size_t>(info.elements()));
    ipa::Status status = source.value()->read(info, info.type, out.data());
    if (status.ok()) status = source.value()->read_f32(info, values.data());
    if (!status.ok()) return ipa::error_name(status.code());
    line += " " + ipa_fuzz::tensor_line(info, out);
  }
  return line;
}

}  // namespace

int main() { return ipa_fuzz::print_verdicts(verdict); }
