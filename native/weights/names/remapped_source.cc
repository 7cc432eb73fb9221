#include "weights/names/remapped_source.h"

#include <cstring>
#include <utility>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/indexed_source.h"

namespace ipa {
namespace {

class RemappedSource : public IndexedSource {
 public:
  struct Entry {
    const TensorInfo* inner;
    int third;
    bool transposed;
  };
  RemappedSource(std::unique_ptr<TensorSource> inner, std::vector<TensorInfo> infos, std::vector<Entry> entries)
      : inner_(std::move(inner)), entries_(std::move(entries)) {
    list(std::move(infos));
  }

  std::string_view metadata(std::string_view key) const override { return inner_->metadata(key); }
  const std::string& path() const override { return inner_->path(); }

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    const TensorInfo& tensor = info(place);
    const Entry& entry = entries_[place];
    if (entry.third < 0 && !entry.transposed) return inner_->read(*entry.inner, as, out);
    // 0 of blocks, which are never transposed.
    const size_t size = dtype_size(as);
    const auto bytes_of = [&](const TensorInfo& of) {
      return static_cast<size_t>(size > 0 ? static_cast<uint64_t>(of.elements()) * size : of.bytes);
    };
    const size_t bytes = bytes_of(tensor);
    std::vector<uint8_t> whole(bytes_of(*entry.inner));
    IPA_TRY(inner_->read(*entry.inner, as, whole.data()));
    const uint8_t* part = whole.data() + static_cast<size_t>(entry.third < 0 ? 0 : entry.third) * bytes;
    if (!entry.transposed) {
      std::memcpy(out, part, bytes);
      return {};
    }
    const auto rows = static_cast<size_t>(tensor.shape[0]), columns = static_cast<size_t>(tensor.shape[1]);
    auto* to = static_cast<uint8_t*>(out);
    for (size_t r = 0; r < rows; ++r)
      for (size_t c = 0; c < columns; ++c)
        std::memcpy(to + (r * columns + c) * size, part + (c * rows + r) * size, size);
    return {};
  }

  std::unique_ptr<TensorSource> inner_;
  std::vector<Entry> entries_;  // parallel to the tensors
};

// Whether a tensor in blocks is not made of whole ones, so that it can only be read as numbers.
bool cuts_blocks(const TensorInfo& inner, const OriginalTensor& from) {
  constexpr int64_t most_values = 256;  // of a block
  if (dtype_bits(inner.type) > 0) return false;
  return from.transposed || (from.third >= 0 && inner.elements() / 3 % most_values != 0);
}

}  // namespace

Result<std::unique_ptr<TensorSource>> remap_tensors(
    std::unique_ptr<TensorSource> inner, const std::vector<std::string>& names,
    const std::function<OriginalTensor(const std::string&)>& original) {
  std::vector<TensorInfo> infos;
  std::vector<RemappedSource::Entry> entries;
  for (const std::string& name : names) {
    const OriginalTensor from = original(name);
    const TensorInfo* found = from.name.empty() ? nullptr : inner->find(from.name);
    if (!found) continue;
    TensorInfo info = *found;
    info.name = name;
    if (from.third >= 0) {
      if (info.shape.empty() || info.shape[0] % 3 != 0)
        return Status(Code::shape, in_quotes(inner->path(), 1024) + ": " + in_quotes(from.name) +
                                       " does not hold three parts of the same size");
      info.shape[0] /= 3;
      info.bytes /= 3;
    }
    if (from.transposed) {
      if (info.shape.size() != 2)
        return Status(Code::shape,
                      in_quotes(inner->path(), 1024) + ": " + in_quotes(from.name) + " is no matrix");
      std::swap(info.shape[0], info.shape[1]);
    }
    if (cuts_blocks(*found, from)) {
      info.type = DType::f32;
      info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
    }
    infos.push_back(std::move(info));
    entries.push_back({found, from.third, from.transposed});
  }
  return std::unique_ptr<TensorSource>(
      std::make_unique<RemappedSource>(std::move(inner), std::move(infos), std::move(entries)));
}

}  // namespace ipa
