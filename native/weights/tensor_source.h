// Where weights come from: named tensors with a type and a shape,
// read one at a time into memory the caller owns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace ipa {

enum class DType : uint8_t {
  boolean,
  u8,
  i8,
  f8_e4m3,
  f8_e5m2,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64,
  // Known by name and size, but reading one is Code::unsupported.
  c64,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f6_e2m3,
  f6_e3m2,
  f4,
  // The quantised types of GGUF, in blocks (ggml_blocks.h).
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
};
const char* dtype_name(DType type);  // as safetensors writes it: "F16"
size_t dtype_bits(DType type);       // bits per element; 0 for the types in blocks
size_t dtype_size(DType type);       // bytes per element; 0 for the types smaller than a byte or in blocks

struct TensorInfo {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;  // row-major, as PyTorch stores it; rank 0 is a scalar
  uint64_t bytes = 0;
  int64_t elements() const;
};

// Keys and free texts that a file carries beside its tensors.
using Texts = std::vector<std::pair<std::string, std::string>>;

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  // In file order.
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  // As they lie in the file, before anything was multiplied, renamed or left out.
  virtual const std::vector<TensorInfo>& stored() const { return tensors(); }
  // nullptr when there is none of that name.
  virtual const TensorInfo* find(std::string_view name) const = 0;
  // Reads elements() values of type `as`, which is f32 (converted) or the tensor's own type
  // (the bytes as they are stored). Thread-safe.
  virtual Status read(const TensorInfo& tensor, DType as, void* out) const = 0;
  Status read_f32(const TensorInfo& tensor, float* out) const { return read(tensor, DType::f32, out); }
  // Reads `count` of a tensor's values in row-major order, from `first` on; both within it.
  // Where a file's layout does not allow it, all of the tensor is read aside. Thread-safe.
  virtual Status read_part(const TensorInfo& tensor, int64_t first, int64_t count, float* out) const;
  // Free text that the file carries beside its tensors; "" when it has none under this key.
  virtual std::string_view metadata(std::string_view /*key*/) const { return {}; }
  // All of them, in file order.
  virtual Texts texts() const { return {}; }
  // For error messages: the file or folder.
  virtual const std::string& path() const = 0;
};

}  // namespace ipa
