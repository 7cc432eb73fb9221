// libFuzzer entry: any bytes, taken as a PyTorch file, must give a typed error, or a source of which every
// tensor can be read. See README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "weights/formats/torch/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = ipa::open_torch_bytes(std::vector<uint8_t>(data, data + size), "fuzz");
  if (!source.ok()) {
    const ipa::Code code = source.status().code();
    // Not among the codes the reader promises for bytes in memory.
    if (code == ipa::Code::internal || code == ipa::Code::io || source.status().message().empty()) std::abort();
    return 0;
  }
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    // A tensor has each of its storage's bytes once at most.
    if (info.bytes > size) std::abort();
    if (info.bytes == 0) continue;
    std::vector<float> out(static_cast<size_t>(info.elements()));
    const ipa::Status status = source.value()->read_f32(info, out.data());
    if (!status.ok() && status.code() != ipa::Code::layout) std::abort();  // a wrong checksum
  }
  return 0;
}
