// How weights that are kept as codes and scales come to shared memory.
#pragma once

#include "cuda/kernels/block_codes.cuh"
#include "cuda/kernels/product_tile.cuh"

namespace ipa::gpu {

// WeightLoader of codes, which become T on their way.
template <class T, class Codes, class Shape>
struct CodeLoader : WeightLoader<T, uint8_t, Shape> {
  using Base = WeightLoader<T, uint8_t, Shape>;
  const BlockScales& blocks;
  EightCodes held[Base::each];

  DEV CodeLoader(const ProductArgs& g, int32_t first_column, int32_t from)
      : Base(g, first_column, from), blocks(g.blocks) {}
  DEV void begin(T*) {
#pragma unroll
    for (int i = 0; i < Base::each; ++i) {
      held[i] = {0, 0, 0, 0};
      if (this->inside(i))
        held[i] = load_codes<Codes>(this->weights, blocks, this->first + i * Base::apart, this->depth, this->k);
    }
    this->k += tile_depth;
  }
  DEV void end(T* stage) {
#pragma unroll
    for (int i = 0; i < Base::each; ++i)
      *reinterpret_cast<uint4*>(stage + this->place + i * Base::apart * tile_pitch) =
          numbers_of<T, Codes>(held[i], blocks);
  }
};

template <class T, class Shape>
struct WeightLoader<T, Codes8, Shape> : CodeLoader<T, Codes8, Shape> {
  using CodeLoader<T, Codes8, Shape>::CodeLoader;
};
template <class T, class Shape>
struct WeightLoader<T, Codes4, Shape> : CodeLoader<T, Codes4, Shape> {
  using CodeLoader<T, Codes4, Shape>::CodeLoader;
};

}  // namespace ipa::gpu
