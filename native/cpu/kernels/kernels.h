// The table of kernels: one implementation an instruction set, all from the same bodies (cpu/*-inl.h). A kernel
// does one task of an op. However an op is cut into tasks, every sum runs in an order that its shape alone
// decides, so results never depend on threads.
#pragma once

#include <cstdint>

#include "base/bfloat16.h"
#include "graph/graph.h"

namespace ipa {

// Where a field says so, activations are in bf16 in place of f32; strides count elements.

// Matrix product with an epilogue: C = activation(A B + bias + item_bias) + residual. A's rows are the rows of
// an activation, or, for convolutions, gathered from it: output pixel m takes, for every tap, the row of the
// input pixel under that tap.
struct GemmArgs {
  const float* a = nullptr;
  int64_t a_stride = 0;
  int64_t m = 0, n = 0;
  int64_t k = 0;            // floats of one tap (all of K without taps)
  const void* b = nullptr;  // packed panels of floats or halves, see PanelLayout
  bool halves = false;
  float* c = nullptr;
  int64_t c_stride = 0;
  bool a_bf16 = false, c_bf16 = false, residual_bf16 = false;  // a: of Winograd's inputs only
  const float* bias = nullptr;
  const float* item_bias = nullptr;
  int64_t item_bias_stride = 0;  // 0: one for all items
  int64_t rows_per_item = 1;
  const float* residual = nullptr;
  int64_t residual_stride = 0, residual_period = 0;
  Activation activation = Activation::none;
  bool geglu = false;
  const float* column_scale = nullptr;  // int8: of every packed column
  // Convolution.
  bool conv = false;
  int taps_h = 1, taps_w = 1, stride = 1, pad_top = 0, pad_left = 0;
  int64_t in_h = 0, in_w = 0;                        // stored
  int64_t over_h = 0, over_w = 0;                    // what the convolution sees (enlarged, or the same)
  const int32_t *map_h = nullptr, *map_w = nullptr;  // seen -> stored coordinate, null without enlargement
  int64_t out_h = 0, out_w = 0;
  const float* zeros = nullptr;  // k floats, for taps outside
  // Tasks: panel by panel, `blocks` row blocks each, or block by block, `panels` each.
  int64_t block_rows = 0, blocks = 0, panels = 0;
  bool by_blocks = false;
};

// Rows of activations to bytes, x being about scale * (byte - 128) with a scale a row; to 16-bit words, x
// being about scale * word with a scale for each chunk (int16_chunk) of a row; or to bf16. Rows are padded to
// whole groups of four bytes, or pairs.
struct QuantizeArgs {
  const float* a = nullptr;
  bool a_bf16 = false;  // not for bytes
  int64_t a_stride = 0, rows = 0, k = 0;
  void* rounded = nullptr;
  int64_t row_size = 0;  // elements
  float* scales = nullptr;
  int64_t block_rows = 0;
};

// A product in int8: its rows are bytes, its weights groups of four bytes along k for every column of a panel.
struct Int8Args {
  GemmArgs product;  // without a and b
  const uint8_t* bytes = nullptr;
  const float* row_scales = nullptr;
  const uint8_t* zero_row = nullptr;  // bytes of 128
  int64_t row_bytes = 0;
  const int8_t* weights = nullptr;
  // (taps, padded columns): what the 128 that is added to every byte adds to the sums.
  const int32_t* excess = nullptr;
  int64_t padded_columns = 0;
};

// A product in int16 or bf16: its rows are words or bf16, its weights pairs along k for every column of a
// panel.
struct PairsArgs {
  GemmArgs product;  // without a and b
  const void* rows = nullptr;
  const float* row_scales = nullptr;  // of words
  const void* zero_row = nullptr;
  int64_t row_stride = 0, row_size = 0;
  const void* weights = nullptr;
  bool byte_weights = false;  // bytes in place of words
};

// A part of a convolution by Winograd's algorithm: the tiles [first_tile, first_tile + tile_count) of all
// items.
struct WinogradArgs {
  GemmArgs product;  // of one position: k, n, panels; its rows are tiles, `blocks` blocks of them a panel
  int outputs = 0;   // a side of a tile: 2 or 4
  int64_t tiles_h = 0, tiles_w = 0;
  int64_t first_tile = 0, tile_count = 0;
  int64_t input_tiles = 0;  // a task of winograd_input
  // (positions, chunks of k, tile_count, winograd_chunk), of floats, or of pairs as PairsArgs has them: words
  // with a scale for every row of a chunk, or bf16.
  float* transformed = nullptr;
  void* pairs = nullptr;
  float* scales = nullptr;
  bool byte_weights = false;  // of int8_weights
  float weight_gain = 1;      // what makes words of bytes
};

// Weights (and keys) are cut in panels of `panel` columns; the last one is as wide as its columns rounded up to
// the vector length. Inside a panel, element (k, column) lies at k * width + column.
struct PanelLayout {
  int panel = 0;  // columns
  int lanes = 0;  // vector length
  int64_t width(int64_t columns, int64_t index) const {
    const int64_t left = columns - index * panel;
    return left >= panel ? panel : (left + lanes - 1) / lanes * lanes;
  }
  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
  int64_t padded(int64_t columns) const {
    const int64_t whole = columns / panel * panel;
    return whole + (columns - whole + lanes - 1) / lanes * lanes;
  }
};

// Keys and values of one (item, head), packed. Keys: panels of tokens over head_size. Values: panels of
// head_size over tokens, the panels of even width.
struct KvLayout {
  int64_t tokens = 0, padded_tokens = 0;
  int head_size = 0, padded_head = 0;
  int value_panels = 0;
  int64_t head_floats() const { return padded_tokens * (head_size + padded_head); }
  // In 16 bits (cpu/kernels/attention_pairs-inl.h), in whole cache lines: scales, keys, values.
  int64_t scale_floats() const { return (1 + padded_head + 15) / 16 * 16; }
  int64_t head_floats_pairs() const {
    const int64_t words = padded_tokens * ((head_size + 1) / 2 * 2 + padded_head);
    return scale_floats() + (words / 2 + 15) / 16 * 16;
  }
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
  const float* scale = nullptr;  // null: 1
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

struct Kernels {
  const char* isa;
  PanelLayout panels;
  int tile_rows;    // rows of the register tile
  bool fast_bytes;  // products of bytes are faster than those of words
  bool fast_bf16;   // products of bf16 are faster than those of floats

  KvLayout (*kv_layout)(int64_t tokens, int head_size);
  void (*widen)(const uint16_t* from, int64_t count, float* to);  // from IEEE binary16
  // A row of weights to bytes: x is about the returned scale * byte.
  float (*quantize_weights)(const float* from, int64_t count, int8_t* to);
  // The same to words of at most int16_limit.
  float (*quantize_weight_words)(const float* from, int64_t count, int16_t* to);
  void (*gemm)(const GemmArgs&, int64_t task, float* scratch);  // task = one row block of one panel
  void (*quantize)(const QuantizeArgs&, int64_t task);
  void (*gemm_int8)(const Int8Args&, int64_t task, float* scratch);  // the same
  void (*quantize_words)(const QuantizeArgs&, int64_t task);
  void (*gemm_int16)(const PairsArgs&, int64_t task, float* scratch);  // the same
  void (*round_to_bf16)(const float* from, int64_t count, BFloat16* to);
  void (*round_rows_bf16)(const QuantizeArgs&, int64_t task);
  void (*gemm_bf16)(const PairsArgs&, int64_t task, float* scratch);  // the same
  void (*winograd_input)(const WinogradArgs&, int64_t task);
  void (*winograd_product)(const WinogradArgs&, int64_t task, float* scratch);        // the same
  void (*winograd_input_int16)(const WinogradArgs&, int64_t task);                    // the same
  void (*winograd_product_int16)(const WinogradArgs&, int64_t task, float* scratch);  // the same
  void (*winograd_input_bf16)(const WinogradArgs&, int64_t task);                     // the same
  void (*winograd_product_bf16)(const WinogradArgs&, int64_t task, float* scratch);   // the same
  void (*pack_kv)(const PackKvArgs&, int64_t task);        // task = item * heads + head
  void (*pack_kv_int16)(const PackKvArgs&, int64_t task);  // the same
  void (*pack_kv_bf16)(const PackKvArgs&, int64_t task);   // the same
  // task = (item * heads + head) * query_blocks + block
  void (*attention)(const AttentionArgs&, int64_t task, float* scratch);
  void (*attention_int16)(const AttentionArgs&, int64_t task, float* scratch);  // the same, of one branch
  void (*attention_bf16)(const AttentionArgs&, int64_t task, float* scratch);   // the same, of one branch
  void (*group_norm_sums)(const GroupNormArgs&, int64_t task);                  // task = item * blocks + block
  void (*group_norm_apply)(const GroupNormArgs&, int64_t task);
  void (*layer_norm)(const LayerNormArgs&, int64_t task);
  void (*activate)(const RowsArgs&, int64_t task);
  void (*add)(const RowsArgs&, int64_t task);
};

extern const Kernels kernels_scalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512_vnni;
extern const Kernels kernels_avx512_bf16;
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11)
#define IPA_HAS_AMX
extern const Kernels kernels_amx;
#endif
// Where the compiler knows the instructions.
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11) || (defined(_MSC_VER) && !defined(__clang__))
#define IPA_HAS_AVX2_VNNI
extern const Kernels kernels_avx2_vnni;
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const Kernels kernels_neon;
extern const Kernels kernels_neon_dot;
extern const Kernels kernels_neon_bf16;
#endif

// Largest tile and panel over all instruction sets, for scratch sizes.
constexpr int64_t gemm_block_rows = 96;
constexpr int64_t gemm_halves_chunk = 512;  // rows of a panel of halves widened at a time
// Weights and activations of at most 4095 add up to less than 2^31 over a chunk.
constexpr float int16_limit = 4095;
constexpr int64_t int16_chunk = 128;
constexpr int64_t bf16_chunk = 1024;  // what a block's rows and a panel have of it fits the second-level cache
constexpr int64_t winograd_block_tiles = 256;
constexpr int64_t winograd_few_tiles = 48;
constexpr int64_t winograd_chunk = 64;  // input channels whose weights are transformed at a time
constexpr int64_t attention_query_block = 48;
constexpr int64_t attention_key_block = 512;

}  // namespace ipa
