#include "weights/formats/torch/torch_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "base/byte_source.h"
#include "base/crc32.h"
#include "base/file.h"
#include "base/utf8.h"
#include "weights/file_format.h"
#include "weights/formats/torch/torch_layout.h"
#include "weights/name_index.h"
#include "weights/stored_tensor.h"
#include "weights/strided_tensor.h"

namespace ipa {
namespace {

class TorchSource : public TensorSource {
 public:
  TorchSource(std::unique_ptr<ByteSource> bytes, TorchContents contents)
      : bytes_(std::move(bytes)), texts_(std::move(contents.texts)), checked_(contents.entries.size()) {
    infos_.reserve(contents.entries.size());
    places_.reserve(contents.entries.size());
    for (TorchEntry& entry : contents.entries) {
      infos_.push_back(std::move(entry.info));
      places_.push_back({std::move(entry.strides), entry.begin, entry.crc});
    }
  }
  Status build_index() {
    const size_t twice = index_.build(infos_);
    if (twice == NameIndex::none) return {};
    return Status(Code::duplicate, "tensor " + quoted(infos_[twice].name) + " is there twice");
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const std::string& path() const override { return bytes_->name(); }

  std::string_view metadata(std::string_view key) const override {
    for (const auto& text : texts_) {
      if (text.first == key) return text.second;
    }
    return {};
  }

  const TensorInfo* find(std::string_view name) const override {
    const size_t at = index_.find(name);
    return at == NameIndex::none ? nullptr : &infos_[at];
  }

  Status read(const TensorInfo& tensor, DType as, void* out) const override {
    const size_t at = index_.find(tensor.name);
    if (at == NameIndex::none || infos_[at].shape != tensor.shape) {
      return Status(Code::missing_tensor,
                    quoted(path(), 1024) + ": no tensor " + quoted(tensor.name) + " of that shape");
    }
    if (as != DType::f32 && as != infos_[at].type)
      return Status(Code::internal, "a tensor is read as f32 or as it is stored");
    IPA_TRY(read_place(infos_[at], places_[at], as, out));
    return bytes_->check_unchanged();
  }

  Status read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const override {
    const size_t at = index_.find(tensor.name);
    const uint64_t size = at == NameIndex::none ? 0 : dtype_size(infos_[at].type);
    if (size == 0 || infos_[at].shape != tensor.shape || !is_row_major(tensor.shape, places_[at].strides))
      return TensorSource::read_part(tensor, first, count, out);
    IPA_TRY(check_whole(at));
    TensorInfo part = infos_[at];
    part.bytes = static_cast<uint64_t>(count) * size;
    const uint64_t begin = places_[at].begin + static_cast<uint64_t>(first) * size;
    IPA_TRY(read_stored_tensor(*bytes_, begin, part, DType::f32, out));
    return bytes_->check_unchanged();
  }

 private:
  struct Place {
    std::vector<int64_t> strides;
    uint64_t begin;
    uint32_t crc;
  };

  Status read_place(const TensorInfo& info, const Place& place, DType as, void* out) const {
    if (!is_row_major(info.shape, place.strides))
      return read_strided_tensor(*bytes_, place.begin, info, place.strides, as, out);
    uint32_t crc = 0;
    IPA_TRY(read_stored_tensor(*bytes_, place.begin, info, as, out, place.crc ? &crc : nullptr));
    return crc == place.crc ? Status() : damaged(info);
  }

  // The checksum is of all of a tensor: before its first part is read, all of it goes by once.
  Status check_whole(size_t at) const {
    const TensorInfo& info = infos_[at];
    if (!places_[at].crc || checked_[at]) return {};
    std::vector<uint8_t> chunk(static_cast<size_t>(std::min<uint64_t>(uint64_t{1} << 16, info.bytes)));
    uint32_t crc = 0;
    for (uint64_t done = 0; done < info.bytes; done += chunk.size()) {
      chunk.resize(static_cast<size_t>(std::min<uint64_t>(chunk.size(), info.bytes - done)));
      IPA_TRY(bytes_->read_at(places_[at].begin + done, chunk.data(), chunk.size()));
      crc = crc32(crc, chunk.data(), chunk.size());
    }
    if (crc != places_[at].crc) return damaged(info);
    checked_[at] = true;
    return {};
  }

  Status damaged(const TensorInfo& info) const {
    return Status(Code::layout, quoted(path(), 1024) + ": tensor " + quoted(info.name) +
                                    " does not match its checksum: get the file again");
  }

  std::unique_ptr<ByteSource> bytes_;
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<TensorInfo> infos_;
  std::vector<Place> places_;  // parallel to infos_
  mutable std::vector<std::atomic<bool>> checked_;
  NameIndex index_;
};

bool begins_with(const uint8_t* start, size_t size, std::string_view bytes) {
  return size >= bytes.size() && std::memcmp(start, bytes.data(), bytes.size()) == 0;
}

bool is_zip(const uint8_t* start, size_t size) {
  // The length of a safetensors header may happen to be these bytes; its text, which begins at 8, has no zero,
  // where a zip has the method of compression.
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
  auto source = std::make_unique<TorchSource>(std::move(bytes), std::move(contents));
  IPA_TRY(source->build_index());
  return std::unique_ptr<TensorSource>(std::move(source));
}

Result<std::unique_ptr<TensorSource>> open_source(std::unique_ptr<ByteSource> bytes) {
  const std::string where = quoted(bytes->name(), 1024);
  try {
    Result<std::unique_ptr<TensorSource>> source = open_checked(std::move(bytes));
    if (!source.ok()) return source.status().in(where);
    return source;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, where + ": not enough memory for its contents");
  }
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
