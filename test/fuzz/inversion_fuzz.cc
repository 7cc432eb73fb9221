// libFuzzer entry: any bytes, as safetensors or as PyTorch's, must give a typed error, or a textual inversion
// whose rows can be put behind a table. See README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "any_source.h"
#include "weights/changes/embedding_file.h"
#include "weights/changes/extended_source.h"
#include "weights/describe/component_kind.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

constexpr int64_t width = 8;

std::unique_ptr<ipa::TensorSource> table() {
  const std::string header = R"({"table":{"dtype":"F16","shape":[2,8],"data_offsets":[0,32]}})";
  std::vector<uint8_t> bytes(8 + header.size() + 32, 0);
  bytes[0] = static_cast<uint8_t>(header.size());
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return ipa::open_safetensors_bytes(std::move(bytes), "model").take();
}

void put_behind(const ipa::EmbeddingFile& file, const ipa::TensorInfo& rows) {
  if (ipa::embedding_vectors(rows) > ipa::max_token_vectors || ipa::embedding_vectors(rows) < 1) std::abort();
  auto grown = ipa::with_more_rows(table(), "table", {{file.weights.get(), &rows}});
  if (!grown.ok()) {
    if (ipa::embedding_width(rows) == width || grown.status().code() != ipa::Code::shape) std::abort();
    return;
  }
  const ipa::TensorInfo& info = grown.value()->tensors()[0];
  if (info.shape[0] != 2 + ipa::embedding_vectors(rows)) std::abort();
  std::vector<float> out(static_cast<size_t>(info.elements()));
  if (grown.value()->read_f32(info, out.data()).code() == ipa::Code::internal) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto source = ipa_fuzz::open_bytes(data, size);
  if (!source.ok()) return 0;
  (void)ipa::component_kind(*source.value());
  auto file = ipa::read_embedding(source.take());
  if (!ipa_fuzz::good(file)) return 0;
  for (const ipa::TensorInfo* rows : {file.value().any, file.value().first, file.value().second})
    if (rows) put_behind(file.value(), *rows);
  return 0;
}
