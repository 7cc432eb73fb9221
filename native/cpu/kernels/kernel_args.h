// What kernels are called with.
// Where a field says so, activations are in bf16 in place of f32; strides count elements.
#pragma once

#include <cstdint>

#include "cpu/kernels/layouts.h"
#include "graph/types.h"

namespace ipa {

// Rows of activations to bytes, x being about scale * (byte - 128) with a scale per row;
// to 16-bit words, x being about scale * word with a scale for each chunk (int16_chunk) of a row; or to bf16.
// Rows are padded to whole groups of four bytes, or pairs.
struct QuantizeArgs {
  const float* a = nullptr;
  bool a_bf16 = false;  // not for bytes
  int64_t a_stride = 0, rows = 0, k = 0;
  void* rounded = nullptr;
  int64_t row_size = 0;  // elements
  float* scales = nullptr;
  int64_t block_rows = 0;
};

// Rows of activations rounded to what a product's weights are in: bytes whose middle is 128, words, or bf16.
struct RoundedRows {
  const void* rows = nullptr;
  const float* scales = nullptr;   // of integers, see QuantizeArgs
  const void* zero_row = nullptr;  // for taps outside that do not wrap
  int64_t stride = 0, size = 0;    // elements; the size is padded to whole groups of four bytes, or pairs
  // int8: what the 128 that is added to every byte adds to the sums, (taps, padded columns).
  const int32_t* excess = nullptr;
  int64_t padded_columns = 0;
};

// Matrix product with an epilogue: C = activation(A B + bias + item_bias)
// + residual. A's rows are the rows of an activation, or, for convolutions, gathered from it:
// output pixel m takes, for every tap, the row of the input pixel under that tap.
struct GemmArgs {
  const float* a = nullptr;
  int64_t a_stride = 0;
  int64_t m = 0, n = 0;
  int64_t k = 0;            // floats of one tap (all of K without taps)
  const void* b = nullptr;  // packed panels, see PanelLayout
  bool halves = false;      // b, in f32
  float* c = nullptr;
  int64_t c_stride = 0;
  bool a_bf16 = false, c_bf16 = false, residual_bf16 = false;  // a: of Winograd's inputs only
  RoundedRows rounded;                                         // in place of a, where not in f32
  const float* bias = nullptr;
  const float* item_bias = nullptr;
  int64_t item_bias_stride = 0;  // 0: one for all items
  int64_t rows_per_item = 1;
  const float* residual = nullptr;
  int64_t residual_stride = 0, residual_period = 0;
  Activation activation = Activation::none;
  bool geglu = false;
  const float* column_scale = nullptr;  // of integers: of every packed column
  // Convolution.
  bool conv = false;
  int taps_h = 1, taps_w = 1, stride = 1, pad_top = 0, pad_left = 0;
  Wrap wrap;
  int64_t in_h = 0, in_w = 0;                        // stored
  int64_t over_h = 0, over_w = 0;                    // what the convolution sees (enlarged, or the same)
  const int32_t *map_h = nullptr, *map_w = nullptr;  // seen -> stored coordinate, null without enlargement
  int64_t out_h = 0, out_w = 0;
  const float* zeros = nullptr;  // k floats, for taps outside that do not wrap
  // Tasks: panel by panel, `blocks` row blocks each, or block by block, `panels` each.
  int64_t block_rows = 0, blocks = 0, panels = 0;
  bool by_blocks = false;
};

// A part of a convolution by Winograd's algorithm:
// the tiles [first_tile, first_tile + tile_count) of all items.
struct WinogradArgs {
  GemmArgs product;  // of one position: k, n, panels; its rows are tiles, `blocks` blocks of them a panel
  int outputs = 0;   // a side of a tile: 2 or 4
  int64_t tiles_h = 0, tiles_w = 0;
  int64_t first_tile = 0, tile_count = 0;
  int64_t input_tiles = 0;  // a task of winograd_input
  // (positions, chunks of k, tile_count, winograd_chunk), of floats, or of pairs:
  // words with a scale for every row of a chunk, or bf16.
  float* transformed = nullptr;
  void* pairs = nullptr;
  float* scales = nullptr;
  float weight_gain = 1;  // what makes words of bytes
};

struct PackKvArgs {
  const float *k = nullptr, *v = nullptr;
  bool bf16 = false;  // keys and values; for pack_kv_bf16 only
  int64_t k_stride = 0, v_stride = 0;
  KvLayout layout;
  int64_t batch = 0;
  int heads = 0;
  float* out = nullptr;
};

struct AttentionBranch {
  const float* kv = nullptr;
  const float* scale = nullptr;  // of the first item's first query; null: 1
  int64_t scale_stride = 0;      // from one item's to the next; 0: the same for all
  int64_t row_stride = 0;        // from one query's to the next; 0: one for all
  KvLayout layout;
};

struct AttentionArgs {
  const float* q = nullptr;
  int64_t q_stride = 0;
  float* out = nullptr;
  int64_t out_stride = 0;
  bool q_bf16 = false, out_bf16 = false;  // q: for attention_bf16 only
  int64_t batch = 0, queries = 0;
  int heads = 0, head_size = 0;
  bool causal = false;
  float scale = 1;
  const AttentionBranch* branches = nullptr;
  int branch_count = 0;
  int64_t query_block = 0, query_blocks = 0, key_block = 0;
};

// Maps of an attention's last item, see Graph::attention_map().
struct AttentionMapArgs {
  AttentionArgs attention;    // its out is not written
  int64_t padded_tokens = 0;  // of all its branches
  float* out = nullptr;       // rows of `columns`: a row a query
  int64_t columns = 0;
  const TokenSpan* spans = nullptr;  // in the order of their sources
  int span_count = 0, sources = 0;
};

struct GroupNormArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  float* out = nullptr;
  int64_t out_stride = 0;
  bool x_bf16 = false, out_bf16 = false;
  const float *gamma = nullptr, *beta = nullptr;
  int64_t items = 0, rows = 0, channels = 0;
  int groups = 1;
  float epsilon = 0;
  Activation activation = Activation::none;
  int64_t block_rows = 0, blocks = 0;  // an item's rows in blocks
  float* partial =
      nullptr;  // items * blocks * 2 * channels: sums and sums of squares about the block's first row
  float* affine = nullptr;  // items * 3 * channels: mean, factor and offset
};

struct LayerNormArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  float* out = nullptr;
  bool out_bf16 = false;
  const float *gamma = nullptr, *beta = nullptr;
  int64_t rows = 0, channels = 0;
  float epsilon = 0;
  int64_t block_rows = 0;
};

// Ops over rows: activation, add, copies.
struct RowsArgs {
  const float *a = nullptr, *b = nullptr;
  int64_t a_stride = 0, b_stride = 0;
  int64_t b_period = 0;  // b's row = row % period (0: row)
  int64_t b_divide = 0;  // b's row = row / divide (0: off)
  float* out = nullptr;
  int64_t out_stride = 0;
  int64_t rows = 0, channels = 0;
  Activation activation = Activation::none;
  int64_t block_rows = 0;
};

}  // namespace ipa
