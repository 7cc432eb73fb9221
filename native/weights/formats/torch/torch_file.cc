#include "weights/formats/torch/torch_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/crc32.h"
#include "base/file.h"
#include "base/utf8.h"
#include "weights/file_format.h"
#include "weights/formats/file_source.h"
#include "weights/formats/torch/torch_layout.h"
#include "weights/stored_tensor.h"
#include "weights/strided_tensor.h"

namespace ipa {
namespace {

class TorchSource : public FileSource {
 public:
  TorchSource(std::unique_ptr<ByteSource> bytes, Texts texts)
      : FileSource(std::move(bytes), std::move(texts)) {}
  Status add(std::vector<TorchEntry> entries) {
    std::vector<TensorInfo> infos;
    infos.reserve(entries.size());
    places_.reserve(entries.size());
    for (TorchEntry& entry : entries) {
      infos.push_back(std::move(entry.info));
      places_.push_back({std::move(entry.strides), entry.begin, entry.crc});
    }
    checked_ = std::vector<std::atomic<bool>>(entries.size());
    const size_t twice = list(std::move(infos));
    if (twice == NameIndex::none) return {};
    return Status(Code::duplicate, "tensor " + in_quotes(info(twice).name) + " is there twice");
  }

 private:
  struct Place {
    std::vector<int64_t> strides;
    uint64_t begin;
    uint32_t crc;
  };

  Status read_place(size_t at, DType as, void* out) const override {
    IPA_TRY(read_stored(info(at), places_[at], as, out));
    return bytes_->check_unchanged();
  }

  Status read_part_of(size_t at, int64_t first, int64_t count, float* out) const override {
    TensorInfo part = info(at);
    const uint64_t size = dtype_size(part.type);
    if (size == 0 || !is_row_major(part.shape, places_[at].strides))
      return FileSource::read_part_of(at, first, count, out);
    IPA_TRY(check_whole(at));
    part.bytes = static_cast<uint64_t>(count) * size;
    const uint64_t begin = places_[at].begin + static_cast<uint64_t>(first) * size;
    IPA_TRY(read_stored_tensor(*bytes_, begin, part, DType::f32, out));
    return bytes_->check_unchanged();
  }

  Status read_stored(const TensorInfo& info, const Place& place, DType as, void* out) const {
    if (!is_row_major(info.shape, place.strides))
      return read_strided_tensor(*bytes_, place.begin, info, place.strides, as, out);
    uint32_t crc = 0;
    IPA_TRY(read_stored_tensor(*bytes_, place.begin, info, as, out, place.crc ? &crc : nullptr));
    return crc == place.crc ? Status() : damaged(info);
  }

  // The checksum is of all of a tensor: before its first part is read, all of it goes by once.
  Status check_whole(size_t at) const {
    const TensorInfo& tensor = info(at);
    if (!places_[at].crc || checked_[at]) return {};
    std::vector<uint8_t> chunk(static_cast<size_t>(std::min<uint64_t>(uint64_t{1} << 16, tensor.bytes)));
    uint32_t crc = 0;
    for (uint64_t done = 0; done < tensor.bytes; done += chunk.size()) {
      chunk.resize(static_cast<size_t>(std::min<uint64_t>(chunk.size(), tensor.bytes - done)));
      IPA_TRY(bytes_->read_at(places_[at].begin + done, chunk.data(), chunk.size()));
      crc = crc32(crc, chunk.data(), chunk.size());
    }
    if (crc != places_[at].crc) return damaged(tensor);
    checked_[at] = true;
    return {};
  }

  Status damaged(const TensorInfo& info) const {
    return Status(Code::layout, in_quotes(path(), 1024) + ": tensor " + in_quotes(info.name) +
                                    " does not match its checksum: get the file again");
  }

  std::vector<Place> places_;  // parallel to the tensors
  mutable std::vector<std::atomic<bool>> checked_;
};

bool begins_with(const uint8_t* start, size_t size, std::string_view bytes) {
  return size >= bytes.size() && std::memcmp(start, bytes.data(), bytes.size()) == 0;
}

bool is_zip(const uint8_t* start, size_t size) {
  // The length of a safetensors header may happen to be these bytes;
  // its text, which begins at 8, has no zero, where a zip has the method of compression.
  return begins_with(start, size, "PK\x03\x04") && size > 9 && start[9] == 0;
}

Result<std::unique_ptr<TensorSource>> open_checked(std::unique_ptr<ByteSource> bytes) {
  uint8_t start[FileFormatSample::bytes] = {};
  const auto have = static_cast<size_t>(std::min<uint64_t>(bytes->size(), sizeof start));
  IPA_TRY(bytes->read_at(0, start, have));
  if (!is_torch_file(start, have)) {
    const char* other = describe_other_format(start, have);
    return Status(Code::unsupported, other ? std::string("not a file of torch.save: this is ") + other
                                           : "not a file of torch.save");
  }
  IPA_ASSIGN(TorchContents contents, is_zip(start, have) ? read_torch_zip(*bytes) : read_torch_legacy(*bytes));
  IPA_TRY(bytes->check_unchanged());
  auto source = std::make_unique<TorchSource>(std::move(bytes), std::move(contents.texts));
  IPA_TRY(source->add(std::move(contents.entries)));
  return std::unique_ptr<TensorSource>(std::move(source));
}

Result<std::unique_ptr<TensorSource>> open_source(std::unique_ptr<ByteSource> bytes) {
  return open_named(std::move(bytes), "contents", open_checked);
}

}  // namespace

bool is_torch_file(const uint8_t* start, size_t size) {
  return is_zip(start, size) || begins_with(start, size, torch_legacy_magic);
}

Result<std::unique_ptr<TensorSource>> open_torch(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<ByteSource> file, open_file(path));
  return open_source(std::move(file));
}

Result<std::unique_ptr<TensorSource>> open_torch_bytes(std::vector<uint8_t> bytes, const std::string& name) {
  return open_source(std::make_unique<MemoryBytes>(std::move(bytes), name));
}

}  // namespace ipa
