// The tiles of a product by tensor cores, and how their operands come to shared memory.
#pragma once

#include "cuda/kernels/rows.cuh"
#include "cuda/kernels/taps.cuh"

namespace ipa::gpu {

constexpr int tile_depth = 32, tile_stages = 3;
constexpr int tile_pitch =
    tile_depth + 8;  // elements of a row in shared memory: no two rows of eight share a bank

template <int ROWS, int COLUMNS>
struct TileShape {
  static constexpr int rows = ROWS, columns = COLUMNS;
  static constexpr int warps_down = 2, warps_across = COLUMNS / 32;
  static constexpr int threads = 32 * warps_down * warps_across;
  static constexpr int warp_rows = ROWS / warps_down, warp_columns = 32;
  static constexpr int shared_bytes = tile_stages * (ROWS + COLUMNS) * tile_pitch * 2;
  // On a multiprocessor: with 128 registers a thread, or 168 where four warps have the sums of 128 rows.
  static constexpr int by_registers = ROWS > COLUMNS ? 3 : 512 / threads;
  static constexpr int by_shared = blocks_by_shared(shared_bytes);
  static constexpr int blocks = by_registers < by_shared ? by_registers : by_shared;
};

// Eight elements of a row, in T, that may lie anywhere and be of any type.
template <class T>
DEV uint4 gather_eight(const Rows& from, int64_t row, int32_t column, int32_t columns) {
  float x[8];
  with_type(from.element, [&](auto kind) {
    const auto* first = typed<decltype(kind)>(from) + row * from.stride + column;
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = column + i < columns ? to_float(first[i]) : 0.0f;
  });
  return make_uint4(pack2<T>(x[0], x[1]), pack2<T>(x[2], x[3]), pack2<T>(x[4], x[5]), pack2<T>(x[6], x[7]));
}

// Moves the rows of a tile, a step of the depth at a time: begin() asks for them, end() must follow before the stage is
// read, and leaves time for products between. Rows that are `aligned` (T, whole vectors) are copied without a thread's help.
template <class T, class Shape, bool aligned>
struct RowLoader {
  static constexpr int each = Shape::rows * (tile_depth / 8) / Shape::threads;  // vectors of a thread
  static constexpr int apart = Shape::threads / (tile_depth / 8);               // rows from one to the next

  const ProductArgs& g;
  OutputRow rows[each];
  Depth depth;
  int32_t place;  // of the thread's first vector, in a stage
  uint4 held[aligned ? 1 : each];

  DEV RowLoader(const ProductArgs& args, int64_t first_row, int32_t k)
      : g(args), depth(args, k + static_cast<int32_t>(threadIdx.x) % 4 * 8) {
    const int row = static_cast<int>(threadIdx.x) / 4;
    place = row * tile_pitch + static_cast<int>(threadIdx.x) % 4 * 8;
#pragma unroll
    for (int i = 0; i < each; ++i) rows[i] = output_row(g, first_row + row + i * apart);
  }
  DEV void begin(T* stage) {
    const bool inside = depth.valid(g);
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const int64_t from = inside ? input_row(g, rows[i], depth) : -1;
      if constexpr (aligned) {
        const T* base = static_cast<const T*>(g.a.data);
        copy16(stage + place + i * apart * tile_pitch,
               from < 0 ? base : base + from * g.a.stride + depth.channel, from >= 0);
      } else {
        held[i] = from < 0 ? make_uint4(0, 0, 0, 0) : gather_eight<T>(g.a, from, depth.channel, g.channels);
      }
    }
    depth.advance(g, tile_depth);
  }
  DEV void end(T* stage) {
    if constexpr (!aligned) {
#pragma unroll
      for (int i = 0; i < each; ++i)
        *reinterpret_cast<uint4*>(stage + place + i * apart * tile_pitch) = held[i];
    }
  }
};

// The same of the weights of a tile, which are T.
template <class T, class W, class Shape>
struct WeightLoader {
  static constexpr int each = Shape::columns * (tile_depth / 8) / Shape::threads;
  static constexpr int apart = Shape::threads / (tile_depth / 8);

  const W* weights;
  int32_t first, last, k, depth, place;

  DEV WeightLoader(const ProductArgs& g, int32_t first_column, int32_t from)
      : weights(static_cast<const W*>(g.weights)), last(g.weight_rows) {
    const int column = static_cast<int>(threadIdx.x) / 4;
    depth = g.taps.height * g.taps.width * g.padded_channels;
    first = first_column + column;
    k = from + static_cast<int>(threadIdx.x) % 4 * 8;
    place = column * tile_pitch + static_cast<int>(threadIdx.x) % 4 * 8;
  }
  DEV const W* at(int i) const { return weights + int64_t{first + i * apart} * depth + k; }
  DEV bool inside(int i) const { return first + i * apart < last && k < depth; }
  DEV void begin(T* stage) {
#pragma unroll
    for (int i = 0; i < each; ++i)
      copy16(stage + place + i * apart * tile_pitch, inside(i) ? at(i) : weights, inside(i));
    k += tile_depth;
  }
  DEV void end(T*) {}
};

// The same of weights in 8 bits, which become T on their way. Their scales come in with the sums.
template <class T, class Shape>
struct WeightLoader<T, int8_t, Shape> : WeightLoader<T, uint8_t, Shape> {
  using Base = WeightLoader<T, uint8_t, Shape>;
  uint2 held[Base::each];

  DEV WeightLoader(const ProductArgs& g, int32_t first_column, int32_t from) : Base(g, first_column, from) {}
  DEV void begin(T*) {
#pragma unroll
    for (int i = 0; i < Base::each; ++i)
      held[i] = this->inside(i) ? *reinterpret_cast<const uint2*>(this->at(i)) : make_uint2(0, 0);
    this->k += tile_depth;
  }
  DEV void end(T* stage) {
#pragma unroll
    for (int i = 0; i < Base::each; ++i) {
      const auto byte = [&](int j) {
        const uint32_t word = j < 4 ? held[i].x : held[i].y;
        return static_cast<float>(static_cast<int8_t>(word >> (j % 4 * 8)));
      };
      *reinterpret_cast<uint4*>(stage + this->place + i * Base::apart * tile_pitch) =
          make_uint4(pack2<T>(byte(0), byte(1)), pack2<T>(byte(2), byte(3)), pack2<T>(byte(4), byte(5)),
                     pack2<T>(byte(6), byte(7)));
    }
  }
};

}  // namespace ipa::gpu
