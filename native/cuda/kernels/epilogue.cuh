// What becomes of the sums of a product on their way to memory.
#pragma once

#include "cuda/kernels/activations.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {

// Two neighbouring columns, of which the second may be none.
struct Pair {
  float a, b;
};

DEV void add_pair(Pair& to, const Rows& from, int64_t row, int32_t column, bool both) {
  const int64_t at = row * from.stride + column;
  to.a += load_one(from, at);
  if (both) to.b += load_one(from, at + 1);
}

DEV void store_pair(const Rows& to, int64_t row, int32_t column, bool both, Pair v) {
  const int64_t at = row * to.stride + column;
  with_type(to.element, [&](auto kind) {
    using T = decltype(kind);
    T* place = static_cast<T*>(to.data) + at;
    if (both && reinterpret_cast<uintptr_t>(place) % (2 * sizeof(T)) == 0) {
      store<2>(place, {v.a, v.b});
    } else {
      place[0] = from_float<T>(v.a);
      if (both) place[1] = from_float<T>(v.b);
    }
  });
}

DEV void add_bias(Pair& to, const float* bias, int32_t column, bool both) {
  if (!bias) return;
  to.a += bias[column];
  if (both) to.b += bias[column + 1];
}

DEV void store_result(const Epilogue& e, int64_t row, int32_t column, bool both, Pair v) {
  if (e.residual.data) {
    const int64_t from = e.residual_period ? row % e.residual_period : row;
    add_pair(v, e.residual, from, column, both);
  }
  store_pair(e.out, row, column, both, v);
}

DEV void finish_pair(const Epilogue& e, int64_t row, int32_t column, int32_t columns, Pair v) {
  if (column >= columns) return;
  const bool both = column + 1 < columns;
  add_bias(v, e.bias, column, both);
  if (e.item_bias.data) add_pair(v, e.item_bias, e.item_bias_shared ? 0 : row / e.rows_per_item, column, both);
  v.a = activate(e.activation, v.a);
  v.b = activate(e.activation, v.b);
  store_result(e, row, column, both, v);
}

// The same of a geglu_linear. `weight_column`: of the values; their gates stand eight further on.
DEV void finish_gated(const Epilogue& e, int64_t row, int32_t weight_column, int32_t columns, Pair values,
                      Pair gates) {
  const int32_t column = weight_column / 16 * 8 + weight_column % 8;
  if (column >= columns) return;
  const bool both = column + 1 < columns;
  add_bias(values, e.bias, column, both);
  add_bias(gates, e.bias ? e.bias + columns : nullptr, column, both);
  values.a *= gelu(gates.a);
  values.b *= gelu(gates.b);
  store_result(e, row, column, both, values);
}

}  // namespace ipa::gpu
