#include "weights/changes/lora_delta.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/utf8.h"
#include "weights/changes/lora_matrix_reader.h"

namespace ipa {
namespace {

using Shape = std::vector<int64_t>;

Status misfit(const TensorInfo& tensor, const TensorInfo& other) {
  return Status(Code::shape, "tensors " + in_quotes(tensor.name) + " and " + in_quotes(other.name) +
                                 " do not fit each other: the file is damaged or of an unknown layout");
}

// Rows and columns only; a convolution may write a kernel of 1 behind them.
bool is_flat(const TensorInfo& tensor) {
  return tensor.shape.size() >= 2 && tensor.elements() == tensor.shape[0] * tensor.shape[1];
}

Status check_matrix(const LoraMatrix& matrix) {
  for (const TensorInfo* tensor : {matrix.whole, matrix.left, matrix.right, matrix.core}) {
    if (tensor && (tensor->shape.empty() || tensor->elements() == 0))
      return Status(Code::shape, "tensor " + in_quotes(tensor->name) + " is no matrix");
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

std::vector<float> kronecker(const std::vector<float>& a, int64_t a_columns, const std::vector<float>& b,
                             int64_t b_columns) {
  std::vector<float> result(a.size() * b.size());
  const auto a_width = static_cast<size_t>(a_columns), b_width = static_cast<size_t>(b_columns);
  float* to = result.data();
  for (size_t left = 0; left < a.size(); left += a_width) {
    for (size_t right = 0; right < b.size(); right += b_width) {
      for (size_t i = 0; i < a_width; ++i)
        for (size_t j = 0; j < b_width; ++j) *to++ = a[left + i] * b[right + j];
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

Result<std::vector<float>> LoraDelta::read(const TensorSource& source, int64_t elements,
                                           const LoraMath& math) const {
  const LoraMatrixReader reader(source, elements, math);
  IPA_ASSIGN(std::vector<float> a, reader.read(first));
  if (join == LoraJoin::first_only) return a;
  IPA_ASSIGN(const std::vector<float> b, reader.read(second));
  if (join == LoraJoin::kronecker)
    return kronecker(a, product(shape_of(first), 1), b, product(shape_of(second), 1));
  for (size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
  return a;
}

}  // namespace ipa
