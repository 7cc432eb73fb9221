#include "weights/formats/safetensors/safetensors.h"

#include <algorithm>
#include <string_view>

#include "base/file.h"
#include "weights/file_format.h"
#include "weights/formats/file_source.h"
#include "weights/formats/safetensors/safetensors_header.h"
#include "weights/stored_tensor.h"

namespace ipa {
namespace {

class SafetensorsSource : public FileSource {
 public:
  SafetensorsSource(std::unique_ptr<ByteSource> bytes, uint64_t data_begin,
                    std::vector<SafetensorsEntry> entries, Texts metadata)
      : FileSource(std::move(bytes), std::move(metadata)) {
    std::vector<TensorInfo> infos;
    infos.reserve(entries.size());
    begins_.reserve(entries.size());
    for (SafetensorsEntry& entry : entries) {
      infos.push_back(std::move(entry.info));
      begins_.push_back(data_begin + entry.begin);
    }
    list(std::move(infos));
  }

  Texts texts() const override { return texts_; }

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    const Status status = read_stored_tensor(*bytes_, begins_[place], info(place), as, out);
    return status.ok() ? bytes_->check_unchanged() : status;
  }

  Status read_part_of(size_t place, int64_t first, int64_t count, float* out) const override {
    const uint64_t size = dtype_size(info(place).type);
    if (size == 0) return FileSource::read_part_of(place, first, count, out);
    TensorInfo part = info(place);
    part.bytes = static_cast<uint64_t>(count) * size;
    const uint64_t begin = begins_[place] + static_cast<uint64_t>(first) * size;
    IPA_TRY(read_stored_tensor(*bytes_, begin, part, DType::f32, out));
    return bytes_->check_unchanged();
  }

  std::vector<uint64_t> begins_;  // in the file, parallel to the tensors
};

Result<std::unique_ptr<TensorSource>> open_checked(std::unique_ptr<ByteSource> bytes) {
  const uint64_t size = bytes->size();
  uint8_t start[FileFormatSample::bytes] = {};
  const size_t have = static_cast<size_t>(std::min<uint64_t>(size, sizeof start));
  IPA_TRY(bytes->read_at(0, start, have));
  if (size < 8) {
    return Status(Code::truncated,
                  "the file has only " + std::to_string(size) + " bytes, too few for safetensors");
  }
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i) header = header << 8 | start[i];
  if (header > SafetensorsLimits::header_bytes || header > size - 8) {
    // No valid file reaches this, so a look at what it is instead cannot misjudge one.
    const char* other = describe_other_format(start, have);
    if (other)
      return Status(Code::unsupported, std::string("no weight file that is read here: this is ") + other);
    return Status(Code::limit, "header length " + std::to_string(header) +
                                   (header > size - 8 ? " exceeds the file (cut short, or not safetensors)"
                                                      : " exceeds the limit of 100000000 bytes"));
  }
  std::string text(static_cast<size_t>(header), '\0');
  IPA_TRY(bytes->read_at(8, &text[0], text.size()));
  IPA_TRY(bytes->check_unchanged());
  Texts metadata;
  IPA_ASSIGN(std::vector<SafetensorsEntry> entries,
             parse_safetensors_header(text, size - 8 - header, &metadata));
  return std::unique_ptr<TensorSource>(std::make_unique<SafetensorsSource>(
      std::move(bytes), 8 + header, std::move(entries), std::move(metadata)));
}

Result<std::unique_ptr<TensorSource>> open_source(std::unique_ptr<ByteSource> bytes) {
  return open_named(std::move(bytes), "header", open_checked);
}

}  // namespace

Result<std::unique_ptr<TensorSource>> open_safetensors(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<ByteSource> file, open_file(path));
  return open_source(std::move(file));
}

Result<std::unique_ptr<TensorSource>> open_safetensors_bytes(std::vector<uint8_t> bytes,
                                                             const std::string& name) {
  return open_source(std::make_unique<MemoryBytes>(std::move(bytes), name));
}

}  // namespace ipa
