#include "weights/changes/extended_source.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/utf8.h"

namespace ipa {
namespace {

class ExtendedSource : public TensorSource {
 public:
  ExtendedSource(std::unique_ptr<TensorSource> base, const TensorInfo& table, std::vector<MoreRows> more)
      : base_(std::move(base)),
        more_(std::move(more)),
        infos_(base_->tensors()),
        at_(static_cast<size_t>(&table - base_->tensors().data())) {
    TensorInfo& grown = infos_[at_];
    bool halves = grown.type == DType::f16;
    for (const MoreRows& rows : more_) {
      grown.shape[0] += rows.rows->elements() / grown.shape[1];
      halves = halves && rows.rows->type == DType::f16;
    }
    // In f32 unless nothing would be lost.
    grown.type = halves ? DType::f16 : DType::f32;
    grown.bytes = static_cast<uint64_t>(grown.elements()) * dtype_size(grown.type);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const TensorInfo* find(std::string_view name) const override {
    const TensorInfo* found = base_->find(name);
    return found ? &infos_[static_cast<size_t>(found - base_->tensors().data())] : nullptr;
  }
  std::string_view metadata(std::string_view key) const override { return base_->metadata(key); }
  const std::string& path() const override { return base_->path(); }

  Status read(const TensorInfo& tensor, DType as, void* out) const override {
    if (tensor.name != infos_[at_].name) return base_->read(tensor, as, out);
    const TensorInfo& table = base_->tensors()[at_];
    IPA_TRY(base_->read(table, as, out));
    auto* to = static_cast<uint8_t*>(out) + static_cast<size_t>(table.elements()) * dtype_size(as);
    for (const MoreRows& rows : more_) {
      IPA_TRY(rows.source->read(*rows.rows, as, to));
      to += static_cast<size_t>(rows.rows->elements()) * dtype_size(as);
    }
    return {};
  }

 private:
  std::unique_ptr<TensorSource> base_;
  std::vector<MoreRows> more_;
  std::vector<TensorInfo> infos_;  // parallel to the base's
  size_t at_;                      // the table's place
};

}  // namespace

Result<std::unique_ptr<TensorSource>> with_more_rows(std::unique_ptr<TensorSource> base,
                                                     const std::string& table,
                                                     const std::vector<MoreRows>& more) {
  if (more.empty()) return base;
  const TensorInfo* found = base->find(table);
  if (!found) return Status(Code::missing_tensor, base->path() + ": there is no tensor " + in_quotes(table));
  bool fits = found->shape.size() == 2;
  for (const MoreRows& rows : more)
    fits = fits && !rows.rows->shape.empty() && rows.rows->shape.back() == found->shape[1];
  if (!fits)
    return Status(Code::shape,
                  base->path() + ": " + in_quotes(table) + " has rows of another width than those to add");
  return std::unique_ptr<TensorSource>(std::make_unique<ExtendedSource>(std::move(base), *found, more));
}

}  // namespace ipa
