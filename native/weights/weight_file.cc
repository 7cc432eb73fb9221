#include "weights/weight_file.h"

#include "base/file.h"
#include "weights/file_format.h"
#include "weights/gguf.h"
#include "weights/safetensors.h"

namespace ipa {

Result<std::unique_ptr<TensorSource>> open_weight_file(const std::string& path, bool* gguf) {
  uint8_t start[4] = {};
  {
    IPA_ASSIGN(const std::unique_ptr<ByteSource> file, open_file(path));
    if (file->size() >= sizeof start) IPA_TRY(file->read_at(0, start, sizeof start));
  }
  const bool found = is_gguf(start, sizeof start);
  if (gguf) *gguf = found;
  return found ? open_gguf(path) : open_safetensors(path);
}

}  // namespace ipa
