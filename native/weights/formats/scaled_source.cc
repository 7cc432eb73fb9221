#include "weights/formats/scaled_source.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/finite.h"
#include "base/utf8.h"
#include "weights/formats/weight_scales.h"
#include "weights/indexed_source.h"

namespace ipa {
namespace {

class ScaledSource : public IndexedSource {
 public:
  ScaledSource(std::unique_ptr<TensorSource> inner, std::vector<ScaledTensor> tensors)
      : inner_(std::move(inner)), places_(std::move(tensors)) {
    std::vector<TensorInfo> infos;
    infos.reserve(places_.size());
    for (const ScaledTensor& place : places_) {
      TensorInfo info = inner_->tensors()[place.index];
      if (place.scale != ScaledTensor::none) {
        // A product is not of the storage type any more: nobody may read the bytes as they are.
        info.type = DType::f32;
        info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
      }
      infos.push_back(std::move(info));
    }
    list(std::move(infos));
  }

  const std::vector<TensorInfo>& stored() const override { return inner_->stored(); }
  std::string_view metadata(std::string_view key) const override { return inner_->metadata(key); }
  Texts texts() const override {
    Texts texts;
    for (auto& text : inner_->texts())
      if (text.first != "_quantization_metadata") texts.push_back(std::move(text));
    return texts;
  }
  const std::string& path() const override { return inner_->path(); }

 private:
  Status read_place(size_t at, DType as, void* out) const override {
    const TensorInfo& stored = inner_->tensors()[places_[at].index];
    if (places_[at].scale == ScaledTensor::none) return inner_->read(stored, as, out);
    auto* values = static_cast<float*>(out);
    IPA_TRY(inner_->read_f32(stored, values));
    return multiply(inner_->tensors()[places_[at].scale], stored, values);
  }

  Status multiply(const TensorInfo& scale, const TensorInfo& weight, float* values) const {
    std::vector<float> scales(static_cast<size_t>(scale.elements()));
    IPA_TRY(inner_->read_f32(scale, scales.data()));
    if (!all_finite(scales.data(), scales.size())) return not_finite(scale, "has");
    const size_t each = scales.empty() ? 0 : static_cast<size_t>(weight.elements()) / scales.size();
    bool finite = true;
    for (size_t row = 0; row < scales.size(); ++row)
      finite = multiply_row(values + row * each, each, scales[row]) && finite;
    return finite ? Status() : not_finite(weight, "multiplied with its scale has");
  }

  // In blocks that are still in the cache when they are looked at. False: a product is NaN or infinity.
  static bool multiply_row(float* values, size_t count, float scale) {
    constexpr size_t most = 2048;
    bool finite = true;
    for (size_t from = 0; from < count; from += most) {
      const size_t block = std::min(most, count - from);
      for (size_t i = from; i < from + block; ++i) values[i] *= scale;
      finite = all_finite(values + from, block) && finite;
    }
    return finite;
  }

  Status not_finite(const TensorInfo& tensor, const char* has) const {
    return Status(Code::range, in_quotes(path(), 1024) + ": tensor " + in_quotes(tensor.name) + " " + has +
                                   " values that are no finite numbers: the file is damaged, get it again");
  }

  std::unique_ptr<TensorSource> inner_;
  std::vector<ScaledTensor> places_;  // parallel to the tensors
};

}  // namespace

Result<std::unique_ptr<TensorSource>> with_scales(std::unique_ptr<TensorSource> source) {
  if (!may_hold_scales(*source)) return source;
  IPA_ASSIGN(std::vector<ScaledTensor> tensors, find_scales(*source));
  return std::unique_ptr<TensorSource>(std::make_unique<ScaledSource>(std::move(source), std::move(tensors)));
}

}  // namespace ipa
