// Reads inputs (u32 little-endian length, then bytes, repeated) from stdin and prints our verdict on each as a
// PyTorch file, one per line: the error's name, or OK and of each tensor NAME:TYPE:SHAPE:CRC, the name in
// hexadecimal, the checksum that of its elements in row-major order. For tools/fuzz/torch_differential.py.
#include <cstdint>
#include <string>
#include <vector>

#include "verdicts.h"
#include "weights/formats/torch/torch_file.h"

namespace {

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
    line += " " + ipa_fuzz::tensor_line(info, out);
  }
  return line;
}

}  // namespace

int main() { return ipa_fuzz::print_verdicts(verdict); }
