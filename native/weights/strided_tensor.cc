#include "weights/strided_tensor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/stored_tensor.h"

namespace ipa {
namespace {

// Goes through a tensor's elements in row-major order.
class StridedWalk {
 public:
  StridedWalk(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides)
      : shape_(shape), strides_(strides), index_(shape.size(), 0) {}

  uint64_t offset() const { return offset_; }
  void advance() {
    for (size_t i = shape_.size(); i-- > 0;) {
      const auto stride = static_cast<uint64_t>(strides_[i]);
      if (++index_[i] < shape_[i]) {
        offset_ += stride;
        return;
      }
      offset_ -= stride * static_cast<uint64_t>(shape_[i] - 1);
      index_[i] = 0;
    }
  }

 private:
  const std::vector<int64_t>& shape_;
  const std::vector<int64_t>& strides_;
  std::vector<int64_t> index_;
  uint64_t offset_ = 0;  // in elements
};

Status gather(const ByteSource& file, uint64_t begin, const TensorInfo& info,
              const std::vector<int64_t>& strides, DType as, void* out) {
  const size_t size = dtype_size(info.type);
  uint64_t reach = 1;
  for (size_t i = 0; i < strides.size(); ++i)
    reach += static_cast<uint64_t>(info.shape[i] - 1) * static_cast<uint64_t>(strides[i]);
  std::vector<uint8_t> range(static_cast<size_t>(reach * size));
  IPA_TRY(file.read_at(begin, range.data(), range.size()));
  constexpr size_t chunk_elements = 4096;
  uint8_t chunk[chunk_elements * 8];
  StridedWalk walk(info.shape, strides);
  const auto elements = static_cast<size_t>(info.elements());
  for (size_t done = 0; done < elements;) {
    const size_t count = std::min(chunk_elements, elements - done);
    for (size_t i = 0; i < count; ++i, walk.advance())
      std::memcpy(chunk + i * size, range.data() + walk.offset() * size, size);
    if (as == info.type) {
      std::memcpy(static_cast<uint8_t*>(out) + done * size, chunk, count * size);
    } else {
      convert_to_f32(info.type, chunk, count, static_cast<float*>(out) + done);
    }
    done += count;
  }
  return {};
}

}  // namespace

bool is_row_major(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return true;
  uint64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (static_cast<uint64_t>(strides[i]) != expected) return false;
    expected *= static_cast<uint64_t>(shape[i]);
  }
  return true;
}

Status read_strided_tensor(const ByteSource& file, uint64_t begin, const TensorInfo& info,
                           const std::vector<int64_t>& strides, DType as, void* out) {
  if (as != info.type) IPA_TRY(check_readable(file, info));
  try {
    return gather(file, begin, info, strides, as, out);
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, in_quotes(file.name(), 1024) + ": not enough memory to bring " +
                                       in_quotes(info.name) + " into order");
  }
}

}  // namespace ipa
