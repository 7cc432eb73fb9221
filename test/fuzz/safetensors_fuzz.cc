// libFuzzer entry: any bytes must give a typed error, or a source of which every tensor can be read. See
// README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "weights/describe/adapter_file.h"
#include "weights/describe/component_kind.h"
#include "weights/dtype.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/names/adapter_names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto source = ipa::open_safetensors_bytes(std::vector<uint8_t>(data, data + size), "fuzz");
  if (!source.ok()) {
    const ipa::Code code = source.status().code();
    // Not among the codes the reader promises for bytes in memory.
    if (code == ipa::Code::internal || code == ipa::Code::io || source.status().message().empty()) std::abort();
    return 0;
  }
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    if (info.elements() < 0 || static_cast<uint64_t>(info.elements()) > 2 * size) {
      if (info.bytes != 0) std::abort();
      continue;
    }
    std::vector<float> out(static_cast<size_t>(info.elements()));
    const ipa::Status status = source.value()->read_f32(info, out.data());
    if (status.ok() != ipa::dtype_readable(info.type)) std::abort();
  }
  (void)ipa::component_kind(*source.value());
  auto renamed = ipa::with_adapter_names(source.take());
  if (renamed.ok()) (void)ipa::describe_adapter(*renamed.value());
  return 0;
}
