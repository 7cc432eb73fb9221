#include "weights/scaled_source.h"

#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "weights/name_index.h"
#include "weights/weight_scales.h"

namespace ipa {
namespace {

class ScaledSource : public TensorSource {
 public:
  ScaledSource(std::unique_ptr<TensorSource> inner, std::vector<ScaledTensor> tensors)
      : inner_(std::move(inner)), places_(std::move(tensors)) {
    infos_.reserve(places_.size());
    for (const ScaledTensor& place : places_) {
      TensorInfo info = inner_->tensors()[place.index];
      if (place.scale != ScaledTensor::none) {
        // A product is not of the storage type any more: nobody may read the bytes as they are.
        info.type = DType::f32;
        info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
      }
      infos_.push_back(std::move(info));
    }
    index_.build(infos_);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const std::vector<TensorInfo>& stored() const override { return inner_->stored(); }
  const TensorInfo* find(std::string_view name) const override {
    const size_t at = index_.find(name);
    return at == NameIndex::none ? nullptr : &infos_[at];
  }
  std::string_view metadata(std::string_view key) const override { return inner_->metadata(key); }
  Texts texts() const override {
    Texts texts;
    for (auto& text : inner_->texts())
      if (text.first != "_quantization_metadata") texts.push_back(std::move(text));
    return texts;
  }
  const std::string& path() const override { return inner_->path(); }

  Status read(const TensorInfo& tensor, DType as, void* out) const override {
    const size_t at = index_.find(tensor.name);
    if (at == NameIndex::none)
      return Status(Code::missing_tensor, quoted(path(), 1024) + ": no tensor " + quoted(tensor.name));
    const TensorInfo& stored = inner_->tensors()[places_[at].index];
    if (places_[at].scale == ScaledTensor::none) return inner_->read(stored, as, out);
    auto* values = static_cast<float*>(out);
    IPA_TRY(inner_->read_f32(stored, values));
    return multiply(inner_->tensors()[places_[at].scale], static_cast<size_t>(stored.elements()), values);
  }

 private:
  Status multiply(const TensorInfo& scale, size_t count, float* values) const {
    std::vector<float> scales(static_cast<size_t>(scale.elements()));
    IPA_TRY(inner_->read_f32(scale, scales.data()));
    const size_t each = scales.empty() ? 0 : count / scales.size();
    for (size_t row = 0; row < scales.size(); ++row)
      for (size_t i = row * each; i < (row + 1) * each; ++i) values[i] *= scales[row];
    return {};
  }

  std::unique_ptr<TensorSource> inner_;
  std::vector<ScaledTensor> places_;
  std::vector<TensorInfo> infos_;  // parallel to places_
  NameIndex index_;
};

}  // namespace

Result<std::unique_ptr<TensorSource>> with_scales(std::unique_ptr<TensorSource> source) {
  if (!may_hold_scales(*source)) return source;
  IPA_ASSIGN(std::vector<ScaledTensor> tensors, find_scales(*source));
  return std::unique_ptr<TensorSource>(std::make_unique<ScaledSource>(std::move(source), std::move(tensors)));
}

}  // namespace ipa
