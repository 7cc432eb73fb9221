#include "weights/tensor_source.h"

#include <algorithm>

namespace ipa {

Status TensorSource::read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const {
  if (count == tensor.elements()) return read_f32(tensor, out);
  std::vector<float> whole(static_cast<size_t>(tensor.elements()));
  IPA_TRY(read_f32(tensor, whole.data()));
  std::copy_n(whole.begin() + first, count, out);
  return {};
}

}  // namespace ipa
