// Reads inputs (u32 little-endian length, then bytes, repeated) from stdin and prints our verdict on each, one
// per line: OK or the error's name. For tools/fuzz/safetensors_differential.py. Every readable tensor of a good
// input is read.
#include <cstdint>
#include <vector>

#include "verdicts.h"
#include "weights/dtype.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

std::string verdict(std::vector<uint8_t> bytes) {
  const auto source = ipa::open_safetensors_bytes(std::move(bytes), "stdin");
  if (!source.ok()) return ipa::error_name(source.status().code());
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    std::vector<float> out(static_cast<size_t>(info.elements()));
    const ipa::Status status = source.value()->read_f32(info, out.data());
    if (!status.ok() && ipa::dtype_readable(info.type)) return ipa::error_name(status.code());
  }
  return "OK";
}

}  // namespace

int main() { return ipa_fuzz::print_verdicts(verdict); }
