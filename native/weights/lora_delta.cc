#include "weights/lora_delta.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/utf8.h"

namespace ipa {
namespace {

using Shape = std::vector<int64_t>;

struct Dense {
  int64_t rows = 0, columns = 0;
  std::vector<float> values;
};

int64_t columns_of(const TensorInfo& tensor) { return tensor.elements() / tensor.shape[0]; }

Status misfit(const TensorInfo& tensor, const TensorInfo& other) {
  return Status(Code::shape, "tensors " + quoted(tensor.name) + " and " + quoted(other.name) +
                                 " do not fit each other: the file is damaged or of an unknown layout");
}

// Rows and columns only; a convolution may write a kernel of 1 behind them.
bool is_flat(const TensorInfo& tensor) {
  return tensor.shape.size() >= 2 && tensor.elements() == tensor.shape[0] * tensor.shape[1];
}

Status check_matrix(const LoraMatrix& matrix) {
  for (const TensorInfo* tensor : {matrix.whole, matrix.left, matrix.right, matrix.core}) {
    if (tensor && (tensor->shape.empty() || tensor->elements() == 0))
      return Status(Code::shape, "tensor " + quoted(tensor->name) + " is no matrix");
  }
  if (matrix.whole) return {};
  const TensorInfo &left = *matrix.left, &right = *matrix.right;
  if (!is_flat(left) || right.shape.size() < 2) return misfit(left, right);
  const int64_t rank = left.shape[matrix.left_transposed ? 0 : 1];
  if (!matrix.core) return rank == right.shape[0] ? Status() : misfit(left, right);
  const TensorInfo& core = *matrix.core;
  if (core.shape.size() < 2 || core.shape[0] != rank) return misfit(core, left);
  if (!is_flat(right) || core.shape[1] != right.shape[0]) return misfit(core, right);
  if (right.shape[1] > std::numeric_limits<int64_t>::max() / core.elements()) return misfit(core, right);
  return {};
}

Shape shape_of(const LoraMatrix& matrix) {
  if (matrix.whole) return matrix.whole->shape;
  Shape shape{matrix.left->shape[matrix.left_transposed ? 1 : 0]};
  const Shape& right = matrix.right->shape;
  shape.insert(shape.end(), right.begin() + 1, matrix.core ? right.begin() + 2 : right.end());
  if (matrix.core) shape.insert(shape.end(), matrix.core->shape.begin() + 2, matrix.core->shape.end());
  return shape;
}

int64_t product(const Shape& shape, size_t from) {
  int64_t size = 1;
  for (size_t i = from; i < shape.size(); ++i) size *= shape[i];
  return size;
}

Result<Dense> read_dense(const TensorSource& source, const TensorInfo& tensor) {
  Dense dense{tensor.shape[0], columns_of(tensor), {}};
  dense.values.resize(static_cast<size_t>(tensor.elements()));
  IPA_TRY(source.read_f32(tensor, dense.values.data()));
  return dense;
}

Dense transposed(const Dense& from) {
  Dense to{from.columns, from.rows, std::vector<float>(from.values.size())};
  for (int64_t row = 0; row < from.rows; ++row) {
    for (int64_t column = 0; column < from.columns; ++column)
      to.values[static_cast<size_t>(column * from.rows + row)] =
          from.values[static_cast<size_t>(row * from.columns + column)];
  }
  return to;
}

Dense multiplied(const Dense& left, const Dense& right) {
  Dense result{left.rows, right.columns, std::vector<float>(static_cast<size_t>(left.rows * right.columns))};
  for (int64_t row = 0; row < left.rows; ++row) {
    float* to = result.values.data() + row * right.columns;
    for (int64_t k = 0; k < left.columns; ++k) {
      const float by = left.values[static_cast<size_t>(row * left.columns + k)];
      const float* from = right.values.data() + k * right.columns;
      for (int64_t column = 0; column < right.columns; ++column) to[column] += by * from[column];
    }
  }
  return result;
}

// core (rank, inner, kernel) and right (inner, columns) to (rank, columns, kernel).
Dense with_kernel(const Dense& core, const Dense& right) {
  const int64_t inner = right.rows, kernel = core.columns / inner, columns = right.columns;
  Dense result{core.rows, columns * kernel,
               std::vector<float>(static_cast<size_t>(core.rows * columns * kernel))};
  for (int64_t row = 0; row < core.rows; ++row) {
    for (int64_t k = 0; k < inner; ++k) {
      const float* from = core.values.data() + (row * inner + k) * kernel;
      for (int64_t column = 0; column < columns; ++column) {
        const float by = right.values[static_cast<size_t>(k * columns + column)];
        float* to = result.values.data() + (row * columns + column) * kernel;
        for (int64_t i = 0; i < kernel; ++i) to[i] += by * from[i];
      }
    }
  }
  return result;
}

Result<Dense> read_matrix(const TensorSource& source, const LoraMatrix& matrix) {
  if (matrix.whole) return read_dense(source, *matrix.whole);
  IPA_ASSIGN(Dense left, read_dense(source, *matrix.left));
  IPA_ASSIGN(Dense right, read_dense(source, *matrix.right));
  if (matrix.left_transposed) left = transposed(left);
  if (matrix.core) {
    IPA_ASSIGN(const Dense core, read_dense(source, *matrix.core));
    right = with_kernel(core, right);
  }
  return multiplied(left, right);
}

Dense kronecker(const Dense& a, const Dense& b) {
  Dense result{a.rows * b.rows, a.columns * b.columns, std::vector<float>(a.values.size() * b.values.size())};
  float* to = result.values.data();
  for (int64_t row = 0; row < result.rows; ++row) {
    const float* left = a.values.data() + row / b.rows * a.columns;
    const float* right = b.values.data() + row % b.rows * b.columns;
    for (int64_t i = 0; i < a.columns; ++i) {
      for (int64_t j = 0; j < b.columns; ++j) *to++ = left[i] * right[j];
    }
  }
  return result;
}

}  // namespace

Status LoraDelta::check() const {
  IPA_TRY(check_matrix(first));
  if (join == LoraJoin::first_only) return {};
  IPA_TRY(check_matrix(second));
  if (join == LoraJoin::kronecker) return {};
  const Shape a = shape_of(first), b = shape_of(second);
  if (a[0] == b[0] && product(a, 1) == product(b, 1)) return {};
  return misfit(*first.left, *second.left);
}

bool LoraDelta::fits(const std::vector<int64_t>& weight) const {
  Shape rest = weight;
  Shape shape = shape_of(first);
  if (join == LoraJoin::kronecker) {
    // What is left for the second factor; multiplied, the sizes could overflow.
    const int64_t rows = shape[0], columns = product(shape, 1);
    if (rest.size() < 2 || rest[0] % rows != 0 || rest[1] % columns != 0) return false;
    rest[0] /= rows;
    rest[1] /= columns;
    shape = shape_of(second);
  }
  if (rest.empty() || shape[0] != rest[0]) return false;
  if (shape.size() <= 2) return product(shape, 1) == product(rest, 1);
  const size_t dimensions = std::max(shape.size(), rest.size());
  shape.resize(dimensions, 1);
  rest.resize(dimensions, 1);
  return shape == rest;
}

Result<std::vector<float>> LoraDelta::read(const TensorSource& source) const {
  IPA_ASSIGN(Dense a, read_matrix(source, first));
  if (join == LoraJoin::first_only) return std::move(a.values);
  IPA_ASSIGN(const Dense b, read_matrix(source, second));
  if (join == LoraJoin::kronecker) return kronecker(a, b).values;
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] *= b.values[i];
  return std::move(a.values);
}

}  // namespace ipa
