#include "weights/names/renamed_source.h"

#include "base/utf8.h"
#include "weights/indexed_source.h"

namespace ipa {
namespace {

class RenamedSource : public IndexedSource {
 public:
  explicit RenamedSource(std::unique_ptr<TensorSource> inner) : inner_(std::move(inner)) {}

  Status rename(const std::vector<Renaming>& renamings) {
    std::vector<TensorInfo> infos;
    for (const Renaming& renaming : renamings) {
      TensorInfo info = inner_->tensors()[renaming.index];
      info.name = renaming.name;
      info.shape = renaming.shape;
      infos.push_back(std::move(info));
      inner_index_.push_back(renaming.index);
    }
    const size_t twice = list(std::move(infos));
    if (twice == NameIndex::none) return {};
    return Status(Code::duplicate, in_quotes(path(), 1024) + ": tensor " + in_quotes(info(twice).name) +
                                       " is there twice, under different spellings (one of them " +
                                       in_quotes(inner_->tensors()[inner_index_[twice]].name) + ")");
  }
  const std::string& path() const override { return inner_->path(); }

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    return inner_->read(inner_->tensors()[inner_index_[place]], as, out);
  }
  Status read_part_of(size_t place, int64_t first, int64_t count, float* out) const override {
    return inner_->read_part(inner_->tensors()[inner_index_[place]], first, count, out);
  }

  std::unique_ptr<TensorSource> inner_;
  std::vector<size_t> inner_index_;  // parallel to the tensors
};

}  // namespace

Result<std::unique_ptr<TensorSource>> rename_tensors(std::unique_ptr<TensorSource> inner,
                                                     const std::vector<Renaming>& renamings) {
  auto source = std::make_unique<RenamedSource>(std::move(inner));
  IPA_TRY(source->rename(renamings));
  return std::unique_ptr<TensorSource>(std::move(source));
}

}  // namespace ipa
