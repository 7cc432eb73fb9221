#include "weights/changes/lora_matrix_reader.h"

#include <algorithm>

namespace ipa {
namespace {

// A weight's memory is for four blocks: of both sides, and two while one is turned over.
constexpr int64_t blocks_held = 4;
// Smaller blocks would only cost time.
constexpr int64_t least_block = 4096;
// Products may pack their right side in panels as wide as this.
constexpr int64_t widest_panel = 64;

// (rows, columns) to (columns, rows).
void transpose(const std::vector<float>& from, int64_t rows, int64_t columns, std::vector<float>* to) {
  to->resize(from.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column)
      (*to)[static_cast<size_t>(column * rows + row)] = from[static_cast<size_t>(row * columns + column)];
  }
}

std::vector<float> zeros(int64_t count) { return std::vector<float>(static_cast<size_t>(count)); }

}  // namespace

LoraMatrixReader::LoraMatrixReader(const TensorSource& source, int64_t elements, const LoraMath& math)
    : source_(source), math_(math), block_floats_(std::max(elements / blocks_held, least_block)) {}

Status LoraMatrixReader::check_cancel() const {
  if (math_.cancel && math_.cancel->load(std::memory_order_relaxed))
    return Status(Code::cancelled, "loading was cancelled");
  return {};
}

int64_t LoraMatrixReader::block_of(int64_t size, int64_t count) const {
  return std::clamp<int64_t>(block_floats_ / std::max(size, widest_panel), 1, count);
}

Result<std::vector<float>> LoraMatrixReader::read(const LoraMatrix& matrix) const {
  if (matrix.whole) {
    std::vector<float> values = zeros(matrix.whole->elements());
    IPA_TRY(source_.read_f32(*matrix.whole, values.data()));
    return values;
  }
  Sizes sizes;
  const std::vector<int64_t>&left = matrix.left->shape, &right = matrix.right->shape;
  sizes.rows = left[matrix.left_transposed ? 1 : 0];
  sizes.rank = left[matrix.left_transposed ? 0 : 1];
  sizes.columns = matrix.right->elements() / right[0];
  if (matrix.core) {
    sizes.inner = right[0];
    sizes.kernel = matrix.core->elements() / (sizes.rank * sizes.inner);
    sizes.columns *= sizes.kernel;
  }
  std::vector<float> result = zeros(sizes.rows * sizes.columns), a, b;
  const int64_t block = block_of(std::max(sizes.rows, sizes.columns), sizes.rank);
  for (int64_t first = 0; first < sizes.rank; first += block) {
    IPA_TRY(check_cancel());
    const int64_t count = std::min(block, sizes.rank - first);
    IPA_TRY(read_right(matrix, sizes, first, count, &b));
    IPA_TRY(read_left(matrix, sizes, first, count, &a));
    IPA_TRY(math_.add_product({a.data(), b.data(), result.data(), sizes.rows, count, sizes.columns}));
  }
  return result;
}

Status LoraMatrixReader::read_left(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count,
                                   std::vector<float>* out) const {
  out->resize(static_cast<size_t>(sizes.rows * count));
  if (matrix.left_transposed) {
    std::vector<float> stored = zeros(sizes.rows * count);
    IPA_TRY(source_.read_part(*matrix.left, first * sizes.rows, count * sizes.rows, stored.data()));
    transpose(stored, count, sizes.rows, out);
    return {};
  }
  if (count == sizes.rank) return source_.read_f32(*matrix.left, out->data());
  for (int64_t row = 0; row < sizes.rows; ++row)
    IPA_TRY(source_.read_part(*matrix.left, row * sizes.rank + first, count, out->data() + row * count));
  return {};
}

Status LoraMatrixReader::read_right(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count,
                                    std::vector<float>* out) const {
  if (!matrix.core) {
    out->resize(static_cast<size_t>(count * sizes.columns));
    return source_.read_part(*matrix.right, first * sizes.columns, count * sizes.columns, out->data());
  }
  out->assign(static_cast<size_t>(count * sizes.columns), 0.0f);
  return add_core(matrix, sizes, first, count, out->data());
}

// core (rank, inner, kernel) and right (inner, columns / kernel) to (count, columns / kernel, kernel).
Status LoraMatrixReader::add_core(const LoraMatrix& matrix, const Sizes& sizes, int64_t first, int64_t count,
                                  float* out) const {
  const int64_t width = sizes.columns / sizes.kernel;
  const int64_t block = block_of(std::max(width, sizes.kernel), sizes.inner);
  std::vector<float> stored, right, core;
  for (int64_t begin = 0; begin < sizes.inner; begin += block) {
    const int64_t own = std::min(block, sizes.inner - begin);
    stored.resize(static_cast<size_t>(own * width));
    IPA_TRY(source_.read_part(*matrix.right, begin * width, own * width, stored.data()));
    transpose(stored, own, width, &right);
    core.resize(static_cast<size_t>(own * sizes.kernel));
    for (int64_t row = 0; row < count; ++row) {
      IPA_TRY(check_cancel());
      const int64_t at = ((first + row) * sizes.inner + begin) * sizes.kernel;
      IPA_TRY(source_.read_part(*matrix.core, at, own * sizes.kernel, core.data()));
      IPA_TRY(
          math_.add_product({right.data(), core.data(), out + row * sizes.columns, width, own, sizes.kernel}));
    }
  }
  return {};
}

}  // namespace ipa
