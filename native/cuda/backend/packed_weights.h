// How a GPU's products read their weights: rows of one output column each, K-contiguous.
#pragma once

#include <cstdint>

#include "cuda/api/kernel_args.h"
#include "cuda/backend/packed_blocks.h"
#include "graph/params.h"

namespace ipa::gpu {

// A matrix is (rows, taps, padded channels); one that is kept in blocks is (rows, channels, taps), as it is stored. Weights in i8 have a scale a row behind them. The rows of a geglu_linear
// alternate by eights between values and gates, so that one thread of the product meets both.
struct PackedWeights {
  explicit PackedWeights(const Param& param);

  Element element = Element::f32;
  int64_t columns = 0;  // of the product's result
  int64_t rows = 0;
  int64_t taps = 1, channels = 0, padded_channels = 0;
  int64_t scales = 0;   // bytes before them
  PackedBlocks blocks;  // of those that are kept in blocks
  int64_t bytes = 0;

  // Bytes of scratch that a product needs, where its weights are codes that lie in another order than it reads them.
  int64_t unpacked_bytes() const;
  // The stored row that becomes the packed one; -1: padding.
  int64_t stored_row(int64_t row) const;

 private:
  bool geglu_ = false;
};

// Elements of a head in packed keys and values: whole vectors of eight.
constexpr int64_t padded_head(int64_t head_size) { return (head_size + 7) / 8 * 8; }

size_t packed_bytes(const Param& param);
// To memory of the host.
void pack_param(const Param& param, const StoredTensors& stored, void* destination);

}  // namespace ipa::gpu
