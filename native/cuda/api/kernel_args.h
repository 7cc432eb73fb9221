// The kernels of a GPU and their arguments, as engine and kernels both know them. Whatever changes here changes IPA_GPU_ABI.
#pragma once

#include <cstdint>

#include "graph/types.h"

namespace ipa::gpu {

enum class Kernel : int32_t {
  product,         // ProductArgs
  product_finish,  // ProductArgs: sums the parts of a product that was split
  attention,       // AttentionArgs
  attention_map,   // AttentionMapArgs
  pack_kv,         // PackKvArgs
  norm_sums,       // GroupNormArgs, in this order
  norm_finish,
  norm_apply,
  layer_norm,   // LayerNormArgs
  elementwise,  // ElementwiseArgs: activation, add
  copy_rows,    // CopyArgs
  merge_best,   // TokenMapArgs, in this order
  merge_ids,
  merge_rows,  // MergeRowsArgs
  unpack,      // UnpackArgs
};
constexpr int32_t kernel_count = static_cast<int32_t>(Kernel::unpack) + 1;

// The last two are of weights alone: codes of 8 bits, and of 4 with the upper bits of longer ones elsewhere, see BlockScales.
enum class Element : int32_t { f32, f16, bf16, i8, i32, codes8, codes4 };

constexpr int32_t element_size(Element element) {
  return element == Element::i8 ? 1 : element == Element::f16 || element == Element::bf16 ? 2 : 4;
}

// Rows of a value: row r begins `r * stride` elements behind `data`. Null: there are none.
struct Rows {
  void* data = nullptr;
  int64_t stride = 0;
  Element element = Element::f32;
};

// What becomes of the sums of a product: activation(sum + bias + item bias) + residual.
struct Epilogue {
  const float* bias = nullptr;  // of the columns; with geglu those of the values, then those of the gates
  Rows item_bias;               // row i is that of item i, or row 0 where `item_bias_shared`
  int64_t rows_per_item = 1;
  Rows residual;
  int64_t residual_period = 0;  // rows after which it repeats; 0: it has as many as the result
  Rows out;
  Activation activation = Activation::none;
  int32_t item_bias_shared = 0;
  int32_t geglu = 0;  // value * gelu(gate), instead of an activation
};

// Where a convolution finds the row of an output pixel and a tap. `over`: the size that the input is enlarged to, by the
// nearest neighbour, before the taps look at it; its own size where it is not.
struct Taps {
  int32_t height = 1, width = 1;  // of the kernel
  int32_t stride = 1, pad_top = 0, pad_left = 0;
  int32_t wrap_x = 0, wrap_y = 0;
  int32_t in_h = 1, in_w = 1, over_h = 1, over_w = 1, out_h = 1, out_w = 1;
};

// What makes numbers of weights that are codes (base/block_codes.h): in f32
// weight = outer scale * inner scale * (code + least) + outer offset * inner offset.
// A row is of one output column, in the order in which it is multiplied, or, for `unpack`, in that of its file. Eight weights,
// from a multiple of eight on, have one scale.
struct BlockScales {
  const void* high =
      nullptr;  // of codes4: `high_bits` bytes for eight codes, the first code in the lowest bits
  const void* outer = nullptr;               // f16: a scale, or a scale and an offset
  const void* inner = nullptr;               // i8: the same; null: they are 1
  int32_t high_bits = 0;                     // 0 to 2
  int32_t least = 0;                         // codes are kept from 0 on
  int32_t outer_shift = 0, inner_shift = 0;  // log2 of how many weights of a row share one
  int32_t offsets = 0;
};

// Rows of the output a block makes, and columns of the weights.
enum class Tile : int32_t { large, tall, small };  // 128 x 128, 128 x 64, 64 x 64

// rows x columns: linear, geglu_linear and conv2d, the last as a product over taps and channels.
struct ProductArgs {
  Rows a;
  int64_t rows = 0;         // of the result
  int32_t columns = 0;      // of the result
  int32_t weight_rows = 0;  // columns of the sums: padded, and with geglu twice as many, see packed_weights.h
  int32_t channels = 0;     // of a row of `a`
  int32_t padded_channels = 0;  // of a tap in the weights
  int32_t conv = 0;             // 0: row r of the result is made of row r of `a`, and `taps` is not looked at
  Taps taps;
  const void* weights = nullptr;  // (weight_rows, taps, padded_channels)
  const float* scales = nullptr;  // of weight_rows, for weights in i8
  BlockScales blocks;             // for weights that are codes
  Element weight_element = Element::f16;
  Element compute = Element::f16;  // what is multiplied: f16, bf16 or f32
  Tile tile = Tile::large;
  int32_t splits = 1;        // parts that a sum is made of, where it is split
  int32_t depth_each = 0;    // of a part: a multiple of the tile's depth
  float* partial = nullptr;  // (splits, rows, weight_rows)
  Epilogue epilogue;
};

// Weights of a convolution that are codes, (rows, channels, taps), as numbers (rows, taps, channels).
struct UnpackArgs {
  const void* codes = nullptr;
  BlockScales blocks;
  int64_t rows = 0;
  int32_t channels = 0;  // a multiple of eight
  int32_t taps = 1;
  Element element = Element::codes8;
  void* out = nullptr;
  Element compute = Element::f16;  // of `out`: f16 or bf16
};

// Keys and values packed by pack_kv: for each item (tokens, heads, padded head size) of keys, then as much of values.
struct KeyBranch {
  const void* kv = nullptr;
  const float* scale = nullptr;             // null: 1
  int64_t scale_item = 0, scale_query = 0;  // floats from one to the next; 0: it is that of all
  int32_t tokens = 0;
};

constexpr int32_t most_branches = 24;

struct AttentionArgs {
  Rows q, out;
  int32_t items = 0, queries = 0;  // queries of an item
  int32_t heads = 0, head_size = 0, padded_head = 0;
  int32_t causal = 0, branches = 0;
  float scale = 1;                 // of the scores
  Element compute = Element::f16;  // of the packed keys and values
  KeyBranch branch[most_branches];
};

struct PackKvArgs {
  Rows k, v;
  void* out = nullptr;
  int32_t items = 0, tokens = 0, heads = 0, head_size = 0, padded_head = 0;
  Element compute = Element::f16;
};

constexpr int32_t most_spans = 64;

// See Graph::attention_map. Of the last item.
struct AttentionMapArgs {
  AttentionArgs attention;
  float* out = nullptr;
  int64_t columns = 0;  // of a row of `out`
  int32_t span_count = 0, sources = 0;
  TokenSpan spans[most_spans];
};

// Of each block of rows and each channel, the mean less the block's first row, and the sum of the squares about that mean;
// then a mean, a factor and an offset a channel (`affine`, (items, 3, channels)); then
// out = activation((x - mean) * factor + offset).
struct GroupNormArgs {
  Rows x, out;
  const float *gamma = nullptr, *beta = nullptr;
  float* partial = nullptr;  // (items, blocks, 2, channels)
  float* affine = nullptr;
  int32_t items = 0, channels = 0, groups = 0, blocks = 0, block_rows = 0;
  int64_t rows = 0;  // of an item
  float epsilon = 0;
  Activation activation = Activation::none;
};

struct LayerNormArgs {
  Rows x, out;
  const float *gamma = nullptr, *beta = nullptr;
  int64_t rows = 0;
  int32_t channels = 0;
  float epsilon = 0;
};

// out = activation(a + b): b has as many rows as a, or one for each `b_divide` rows, or repeats after `b_period` rows.
struct ElementwiseArgs {
  Rows a, b, out;
  int64_t rows = 0;
  int32_t channels = 0;
  int64_t b_divide = 0, b_period = 0;
  Activation activation = Activation::none;
};

// out[r] = from[row of r]; which row, says `kind`.
struct CopyArgs {
  enum class Kind : int32_t {
    same,     // r
    repeat,   // r % period
    gather,   // ids[r], within from_rows; one that is not gives row 0
    tokens,   // the other way round: row r goes to r / in_tokens * out_tokens + offset + r % in_tokens of `out`
    enlarge,  // the nearest neighbour's, from (in_h, in_w) to (out_h, out_w)
  } kind = Kind::same;
  Rows from, out;
  int64_t rows = 0, from_rows = 0, period = 1;
  int32_t channels = 0;
  const int32_t* ids = nullptr;
  int64_t in_tokens = 1, out_tokens = 1, offset = 0;
  int32_t in_h = 1, in_w = 1, out_h = 1, out_w = 1;
};

// Merging of tokens, see Graph::token_map and cpu/launch/token_merge.h.
struct TokenMapArgs {
  Rows x;
  int32_t items = 0, height = 0, width = 0, channels = 0, merged = 0;
  int32_t* ids = nullptr;     // (items, height * width)
  float* likeness = nullptr;  // (items, sources) of scratch: of a source and the destination most like it
  int32_t* best = nullptr;    // the same, of that destination
};

struct MergeRowsArgs {
  Rows x, out;
  const int32_t* ids = nullptr;
  int32_t items = 0, tokens = 0, left = 0, channels = 0;
};

}  // namespace ipa::gpu
