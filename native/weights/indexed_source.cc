#include "weights/indexed_source.h"

#include <utility>

#include "base/utf8.h"

namespace ipa {

size_t IndexedSource::list(std::vector<TensorInfo> infos) {
  infos_ = std::move(infos);
  return index_.build(infos_);
}

const TensorInfo* IndexedSource::find(std::string_view name) const {
  const size_t at = index_.find(name);
  return at == NameIndex::none ? nullptr : &infos_[at];
}

Status IndexedSource::read(const TensorInfo& tensor, DType as, void* out) const {
  const size_t at = index_.find(tensor.name);
  if (at == NameIndex::none || infos_[at].shape != tensor.shape)
    return Status(Code::missing_tensor,
                  in_quotes(path(), 1024) + ": no tensor " + in_quotes(tensor.name) + " of that shape");
  if (as != DType::f32 && as != infos_[at].type)
    return Status(Code::internal, "a tensor is read as f32 or as it is stored");
  return read_place(at, as, out);
}

Status IndexedSource::read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const {
  const size_t at = index_.find(tensor.name);
  if (at == NameIndex::none || infos_[at].shape != tensor.shape)
    return TensorSource::read_part(tensor, first, count, out);
  return read_part_of(at, first, count, out);
}

Status IndexedSource::read_part_of(size_t place, int64_t first, int64_t count, float* out) const {
  return TensorSource::read_part(infos_[place], first, count, out);
}

}  // namespace ipa
