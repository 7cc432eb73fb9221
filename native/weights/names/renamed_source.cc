#include "weights/names/renamed_source.h"

#include "base/utf8.h"
#include "weights/name_index.h"

namespace ipa {
namespace {

class RenamedSource : public TensorSource {
 public:
  RenamedSource(std::unique_ptr<TensorSource> inner, const std::vector<Renaming>& renamings)
      : inner_(std::move(inner)) {
    for (const Renaming& renaming : renamings) {
      TensorInfo info = inner_->tensors()[renaming.index];
      info.name = renaming.name;
      info.shape = renaming.shape;
      infos_.push_back(std::move(info));
      inner_index_.push_back(renaming.index);
    }
  }
  Status build_index() {
    const size_t twice = index_.build(infos_);
    if (twice == NameIndex::none) return {};
    return Status(Code::duplicate, quoted(path(), 1024) + ": tensor " + quoted(infos_[twice].name) +
                                       " is there twice, under different spellings (one of them " +
                                       quoted(inner_->tensors()[inner_index_[twice]].name) + ")");
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
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
    return inner_->read(inner_->tensors()[inner_index_[at]], as, out);
  }
  Status read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const override {
    const size_t at = index_.find(tensor.name);
    if (at == NameIndex::none || infos_[at].shape != tensor.shape)
      return TensorSource::read_part(tensor, first, count, out);
    return inner_->read_part(inner_->tensors()[inner_index_[at]], first, count, out);
  }
  const std::string& path() const override { return inner_->path(); }

 private:
  std::unique_ptr<TensorSource> inner_;
  std::vector<TensorInfo> infos_;
  std::vector<size_t> inner_index_;  // parallel to infos_
  NameIndex index_;
};

}  // namespace

Result<std::unique_ptr<TensorSource>> rename_tensors(std::unique_ptr<TensorSource> inner,
                                                     const std::vector<Renaming>& renamings) {
  auto source = std::make_unique<RenamedSource>(std::move(inner), renamings);
  IPA_TRY(source->build_index());
  return std::unique_ptr<TensorSource>(std::move(source));
}

}  // namespace ipa
