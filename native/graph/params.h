// The weights of a network: declared by the code that describes its graph,
// filled once from a file, packed by a backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/block_codes.h"
#include "base/status.h"
#include "graph/memory.h"
#include "graph/resting.h"
#include "graph/types.h"

namespace ipa {

enum class ParamRole : uint8_t {
  vector,        // biases, norm weights: floats as they are
  rows,          // embedding tables, class tokens: (rows, c) as they are
  linear,        // (out, in), packed for matrix multiplication
  geglu_linear,  // (2 * out, in): value half first, gate half second; packed so that both meet in one panel
  conv2d,        // (out, in, kh, kw), packed as matrix multiplication over (kh, kw, in)
};

// A parameter's tensors as the checkpoint stores them, row-major: all in f32, all in IEEE binary16, or all in blocks.
struct StoredTensors {
  std::vector<const void*> tensors;  // in the order of Param::names
  bool halves = false;
  // In place of `tensors`, for a parameter that is kept in blocks.
  std::vector<const BlockCodes*> blocks;
};

struct Param {
  // Tensors of the checkpoint, stacked along the first dimension (to_q, to_k, to_v become one matrix).
  std::vector<std::string> names;
  ParamRole role = ParamRole::vector;
  std::vector<int64_t> shape;  // of each named tensor, as the checkpoint stores it
  // Set before it is packed. `halves`: a matrix or rows kept in memory as IEEE binary16, for weights
  // that are stored so anyway; they are widened while they are read, so the results are the same bits.
  Compute compute = Compute::f32;
  bool halves = false;
  // The codes and scales of its file, kept in memory as they are; none: it is kept as numbers. What is multiplied are the
  // numbers that they stand for, rounded to `compute`, so that the results are the same bits.
  BlockFormat blocks;
  // Packed by the backend; null until loaded.
  Memory data;

  // Multiplied with, rather than added or copied.
  bool is_matrix() const { return role != ParamRole::vector && role != ParamRole::rows; }
  bool may_be_halves() const { return role != ParamRole::vector && compute == Compute::f32; }
  // Where a backend multiplies weights in blocks (Capabilities). Eight weights of a row then have one scale.
  bool may_be_blocks() const {
    return is_matrix() && (compute == Compute::f16 || compute == Compute::bf16) && shape[1] % 8 == 0;
  }
  int64_t out_features() const { return shape[0] * static_cast<int64_t>(names.size()); }
  int64_t elements_each() const {
    int64_t product = 1;
    for (int64_t d : shape) product *= d;
    return product;
  }
};

class ParamSet {
 public:
  // The parameter of these tensors: declared at first use, the same object afterwards. Addresses are stable.
  Param* declare(std::vector<std::string> names, ParamRole role, std::vector<int64_t> shape);
  // nullptr where it is not declared, or in another shape.
  const Param* find(const std::vector<std::string>& names, ParamRole role,
                    const std::vector<int64_t>& shape) const;
  const std::vector<std::unique_ptr<Param>>& all() const { return params_; }
  // Number of weights over all parameters.
  int64_t elements() const;
  // Memory of the packed weights, wherever they are.
  size_t bytes() const;
  // Of those in this kind of memory.
  size_t bytes_in(const MemorySpace& space) const;

  // All that have data rest in the host's memory from now on, and come to `device` to be used. no_memory.
  Status rest(const MemorySpace& device);
  // Where they rest: takes in data of the host that were put in their place. Not during a visit.
  Status settle();
  bool rests() const { return resting_ != nullptr; }
  // While somebody runs a graph of them; null where they do not rest.
  Result<WeightsVisit> visit() const;
  // What a visit takes of the device.
  size_t visiting_bytes() const { return resting_ ? resting_->bytes() : 0; }
  // What is multiplied in 16 bits for what bytes have made (self-attention): int16 or bf16.
  Compute pairs = Compute::int16;
  // What the values of its graphs are kept in, where a backend asks for it as a whole: f32, f16 or bf16.
  // Keys and values are packed in the same. Bound values and statistics of norms stay in f32.
  Storage activations = Storage::f32;
  // A description that asked for one parameter in two shapes:
  // a bug in a network's code, reported instead of run.
  const Status& status() const { return status_; }

 private:
  std::vector<std::unique_ptr<Param>> params_;
  std::unordered_map<std::string, Param*> by_key_;
  std::unique_ptr<Resting> resting_;
  Status status_;
};

}  // namespace ipa
