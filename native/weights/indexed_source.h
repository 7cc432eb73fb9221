// A source whose tensors are listed once and found by their names.
// What a kind of source adds is how the tensor at a place of that list is read.
#pragma once

#include <vector>

#include "weights/name_index.h"
#include "weights/tensor_source.h"

namespace ipa {

class IndexedSource : public TensorSource {
 public:
  const std::vector<TensorInfo>& tensors() const final { return infos_; }
  const TensorInfo* find(std::string_view name) const final;
  // Code::missing_tensor for a tensor that is not listed with this shape:
  // only what is listed is trusted for sizes, not what the caller passes.
  Status read(const TensorInfo& tensor, DType as, void* out) const final;
  Status read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const final;

 protected:
  // To be called once, before anything else is.
  // Returns the place of a tensor whose name occurs twice, or NameIndex::none.
  size_t list(std::vector<TensorInfo> infos);
  const TensorInfo& info(size_t place) const { return infos_[place]; }
  size_t place_of(std::string_view name) const { return index_.find(name); }

  // As read() and read_part(), of a tensor that is listed.
  virtual Status read_place(size_t place, DType as, void* out) const = 0;
  virtual Status read_part_of(size_t place, int64_t first, int64_t count, float* out) const;

 private:
  std::vector<TensorInfo> infos_;
  NameIndex index_;
};

}  // namespace ipa
