// The table of kernels: one implementation an instruction set, all from the same bodies (cpu/kernels/*-inl.h).
// A kernel does one task of an op. However an op is cut into tasks,
// every sum runs in an order that its shape alone decides, so results never depend on threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels/kernel_args.h"
#include "cpu/kernels/layouts.h"
#include "graph/types.h"

namespace ipa {

// `scratch`: floats of the thread's own; null for kernels that say nothing of scratch.
template <class Args>
using Kernel = void (*)(const Args&, int64_t task, float* scratch);

// What depends on the numbers that are multiplied. Null: there is none.
struct ComputeKernels {
  // A row of weights to the numbers that are packed: x is about the returned scale * number (1 for bf16).
  float (*round_weights)(const float* from, int64_t count, void* to);
  Kernel<QuantizeArgs> round_rows;
  // task = one row block of one panel
  Kernel<GemmArgs> gemm;
  Kernel<WinogradArgs> winograd_input;
  Kernel<WinogradArgs> winograd_product;  // tasks as of gemm
  Kernel<PackKvArgs> pack_kv;             // task = item * heads + head
  // task = (item * heads + head) * query_blocks + block; of one branch, and without mask, where not in f32
  Kernel<AttentionArgs> attention;
  Kernel<AttentionMapArgs> attention_map;  // task = block of queries; in f32 alone
};

struct IntegerKernels {
  ComputeKernels int16, int8_weights, int8;
};

struct Kernels {
  const char* isa;
  PanelLayout panels;
  int tile_rows;    // rows of the register tile
  bool fast_bytes;  // products of bytes are faster than those of words
  bool fast_bf16;   // products of bf16 are faster than those of floats

  KvLayout (*kv_layout)(int64_t tokens, int head_size);
  void (*widen)(const uint16_t* from, int64_t count, float* to);  // from IEEE binary16
  // Some are those of another instruction set, where its instructions are all there is for them.
  const ComputeKernels* by_compute[cpu_compute_types];
  Kernel<GroupNormArgs> group_norm_sums;  // task = item * blocks + block
  Kernel<GroupNormArgs> group_norm_apply;
  Kernel<LayerNormArgs> layer_norm;
  Kernel<RowsArgs> activate;
  Kernel<RowsArgs> add;

  constexpr const ComputeKernels& of(Compute compute) const {
    return *by_compute[static_cast<size_t>(compute)];
  }
};

// Largest tile and panel over all instruction sets, for scratch sizes.
constexpr int64_t widest_panel = 64;  // columns
constexpr int64_t gemm_block_rows = 96;
constexpr int64_t gemm_halves_chunk = 512;  // rows of a panel of halves widened at a time
// Weights and activations of at most 4095 add up to less than 2^31 over a chunk.
constexpr float int16_limit = 4095;
constexpr int64_t int16_chunk = 128;
constexpr int64_t bf16_chunk = 1024;  // what a block's rows and a panel have of it fits the second-level cache
constexpr int64_t winograd_block_tiles = 256;
constexpr int64_t winograd_few_tiles = 48;
constexpr int64_t winograd_chunk = 64;  // input channels whose weights are transformed at a time
// Besides 0 and infinity F(4x4) is built on the points a, -a, b and -b.
// These lose 2.4 times less to rounding than 1 and 2 do.
constexpr float winograd_a = 0.625f, winograd_b = 1.5f;
constexpr int64_t attention_query_block = 48;
constexpr int64_t attention_key_block = 512;

}  // namespace ipa
