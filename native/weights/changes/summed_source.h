// A source with something added to some of its tensors while they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weights/indexed_source.h"

namespace ipa {

// Change: what a kind of source adds to a tensor, by the tensor's place in the base.
template <class Change>
class SummedSource : public IndexedSource {
 public:
  using Changes = std::unordered_map<size_t, Change>;

  const std::string& path() const override { return base_->path(); }

 protected:
  SummedSource(std::unique_ptr<TensorSource> base, Changes changes)
      : base_(std::move(base)), changes_(std::move(changes)) {
    std::vector<TensorInfo> infos = base_->tensors();
    // A sum is not of the storage type any more.
    for (const auto& changed : changes_) {
      TensorInfo& info = infos[changed.first];
      info.type = DType::f32;
      info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
    }
    list(std::move(infos));
  }

  const TensorSource& base() const { return *base_; }

  // `out` holds the base's values of the tensor.
  virtual Status add(const Change& change, const TensorInfo& tensor, float* out) const = 0;

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    const TensorInfo& tensor = base_->tensors()[place];
    IPA_TRY(base_->read(tensor, as, out));
    const auto found = changes_.find(place);
    return found == changes_.end() ? Status() : add(found->second, tensor, static_cast<float*>(out));
  }

  std::unique_ptr<TensorSource> base_;
  Changes changes_;
};

}  // namespace ipa
