// What the kernels of attention have in common: the queries of a block, keys and values in tiles, and scales of branches.
#pragma once

#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {

constexpr float log2_e = 1.4426950408889634f;

// Eight elements of a query in T, wherever they lie and of whatever type they are; zeros behind the head.
template <class T>
DEV uint4 query_eight(const AttentionArgs& g, int64_t at, int32_t column) {
  float x[8];
  with_type(g.q.element, [&](auto kind) {
    const auto* first = typed<decltype(kind)>(g.q) + at + column;
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = column + i < g.head_size ? to_float(first[i]) : 0.0f;
  });
  return make_uint4(pack2<T>(x[0], x[1]), pack2<T>(x[2], x[3]), pack2<T>(x[4], x[5]), pack2<T>(x[6], x[7]));
}

// The queries of a block to shared memory, rows of `pitch` elements of which `width` are filled.
template <class T, int width, int pitch>
DEV void load_queries(const AttentionArgs& g, T* shared, int count, int first_query) {
  for (int i = static_cast<int>(threadIdx.x); i < count * (width / 8); i += static_cast<int>(blockDim.x)) {
    const int row = i / (width / 8), column = i % (width / 8) * 8, query = first_query + row;
    const int64_t at =
        (int64_t{blockIdx.z} * g.queries + query) * g.q.stride + int64_t{blockIdx.y} * g.head_size;
    *reinterpret_cast<uint4*>(shared + row * pitch + column) =
        query < g.queries && column < g.head_size ? query_eight<T>(g, at, column) : make_uint4(0, 0, 0, 0);
  }
}

// Where the keys (or behind them the values) of this block's item and head begin in a branch.
template <class T>
DEV const T* packed_rows(const AttentionArgs& g, const KeyBranch& branch, bool values) {
  const int64_t row = int64_t{g.heads} * g.padded_head;
  return static_cast<const T*>(branch.kv) + (int64_t{blockIdx.z} * 2 + values) * branch.tokens * row +
         int64_t{blockIdx.y} * g.padded_head;
}

// A tile of keys or values to shared memory; zeros behind the last token and the head.
template <class T, int width, int pitch>
DEV void load_tokens(const AttentionArgs& g, T* shared, const T* from, int count, int first, int tokens) {
  const int64_t row_size = int64_t{g.heads} * g.padded_head;
  for (int i = static_cast<int>(threadIdx.x); i < count * (width / 8); i += static_cast<int>(blockDim.x)) {
    const int row = i / (width / 8), column = i % (width / 8) * 8;
    const bool inside = first + row < tokens && column < g.padded_head;
    copy16(shared + row * pitch + column, inside ? from + (first + row) * row_size + column : from, inside);
  }
}

// The factor of a branch for one query of this block's item.
DEV float branch_gain(const KeyBranch& branch, int query) {
  return branch.scale ? branch.scale[blockIdx.z * branch.scale_item + query * branch.scale_query] : 1.0f;
}

// Tokens that any query up to `last_query` sees.
DEV int seen_tokens(const AttentionArgs& g, const KeyBranch& branch, int last_query) {
  return g.causal ? min(branch.tokens, last_query + 1) : branch.tokens;
}

}  // namespace ipa::gpu
