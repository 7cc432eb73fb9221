// Multiplies out one matrix of a LoRA in blocks, so that its rank costs time and no memory.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "weights/changes/lora_matrix.h"
#include "weights/tensor_source.h"

namespace ipa {

class LoraMatrixReader {
 public:
  // For a weight of `elements`: beside a result, blocks take no more memory than that weight does.
  LoraMatrixReader(const TensorSource& source, int64_t elements, const LoraMath& math);

  // Of a checked matrix, row by row.
  Result<std::vector<float>> read(const LoraMatrix& matrix) const;

 private:
  struct Sizes {
    int64_t rows = 0, rank = 0, columns = 0;
    int64_t inner = 0, kernel = 1;  // with a core: its second rank, and what it adds to each column
  };
  Status check_cancel() const;
  // How many of `count` things of `size` floats a block may have.
  int64_t block_of(int64_t size, int64_t count) const;
  // Columns [first, first + count) of the left matrix, as (rows, count).
  Status read_left(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count,
                   std::vector<float>* out) const;
  // Rows [first, first + count) of the right matrix, multiplied with the core where there is one.
  Status read_right(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count,
                    std::vector<float>* out) const;
  Status add_core(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count, float* out) const;

  const TensorSource& source_;
  const LoraMath& math_;
  int64_t block_floats_;
};

}  // namespace ipa
