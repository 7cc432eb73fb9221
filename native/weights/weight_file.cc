#include "weights/weight_file.h"

#include <algorithm>

#include "base/file.h"
#include "weights/file_format.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace ipa {

const char* weight_format_name(WeightFormat format) {
  return format == WeightFormat::pytorch ? "pytorch" : "safetensors";
}

Result<std::unique_ptr<TensorSource>> open_weight_file(const std::string& path, WeightFormat* format) {
  uint8_t start[FileFormatSample::bytes] = {};
  size_t have = 0;
  {
    IPA_ASSIGN(const std::unique_ptr<ByteSource> file, open_file(path));
    have = static_cast<size_t>(std::min<uint64_t>(file->size(), sizeof start));
    IPA_TRY(file->read_at(0, start, have));
  }
  const bool pytorch = is_torch_file(start, have);
  if (format) *format = pytorch ? WeightFormat::pytorch : WeightFormat::safetensors;
  return pytorch ? open_torch(path) : open_safetensors(path);
}

}  // namespace ipa
