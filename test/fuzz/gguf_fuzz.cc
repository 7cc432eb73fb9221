// libFuzzer entry: any bytes, taken as a GGUF file, must give a typed error, or a source of which every tensor
// can be read, as it is stored and in f32. See README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "weights/formats/gguf/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = ipa::open_gguf_bytes(std::vector<uint8_t>(data, data + size), "fuzz");
  if (!source.ok()) {
    const ipa::Code code = source.status().code();
    // Not among the codes the reader promises for bytes in memory.
    if (code == ipa::Code::internal || code == ipa::Code::io || source.status().message().empty()) std::abort();
    return 0;
  }
  uint64_t sum = 0;
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    // Tensors do not overlap, and 256 values take 84 bytes at least.
    sum += info.bytes;
    if (sum > size || static_cast<uint64_t>(info.elements()) > 4 * info.bytes) std::abort();
    std::vector<uint8_t> stored(static_cast<size_t>(info.bytes));
    std::vector<float> values(static_cast<size_t>(info.elements()));
    if (!source.value()->read(info, info.type, stored.data()).ok()) std::abort();
    if (!source.value()->read_f32(info, values.data()).ok()) std::abort();
  }
  return 0;
}
