#include "weights/formats/weight_file.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "weights/file_format.h"
#include "weights/formats/gguf/gguf.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/scaled_source.h"
#include "weights/formats/torch/torch_file.h"

namespace ipa {

const char* weight_format_name(WeightFormat format) {
  switch (format) {
    case WeightFormat::safetensors: return "safetensors";
    case WeightFormat::pytorch: return "pytorch";
    case WeightFormat::gguf: return "gguf";
  }
  return "";
}

Result<std::unique_ptr<TensorSource>> open_weight_file(const std::string& path, WeightFormat* format) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_unscaled_file(path, format));
  return with_scales(std::move(source));
}

Result<std::unique_ptr<TensorSource>> open_unscaled_file(const std::string& path, WeightFormat* format) {
  uint8_t start[FileFormatSample::bytes] = {};
  size_t have = 0;
  {
    IPA_ASSIGN(const std::unique_ptr<ByteSource> file, open_file(path));
    have = static_cast<size_t>(std::min<uint64_t>(file->size(), sizeof start));
    IPA_TRY(file->read_at(0, start, have));
  }
  WeightFormat found = WeightFormat::safetensors;
  if (is_torch_file(start, have)) found = WeightFormat::pytorch;
  if (is_gguf(start, have)) found = WeightFormat::gguf;
  if (format) *format = found;
  switch (found) {
    case WeightFormat::pytorch: return open_torch(path);
    case WeightFormat::gguf: return open_gguf(path);
    case WeightFormat::safetensors: break;
  }
  return open_safetensors(path);
}

}  // namespace ipa
