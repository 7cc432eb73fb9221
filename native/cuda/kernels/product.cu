// linear, geglu_linear and conv2d by tensor cores: y = epilogue(rows x weights'), sums in f32.
#include "cuda/kernels/block_loader.cuh"
#include "cuda/kernels/epilogue.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/product_tile.cuh"

namespace ipa::gpu {
namespace {

// The sums of a warp: `down` x 4 fragments of 16 x 8.
template <int down>
struct Sums {
  float of[down][4][4] = {};

  // One step of the depth, of tiles in shared memory.
  template <class T>
  DEV void add(const T* rows, const T* weights) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int k = 0; k < tile_depth; k += 16) {
      uint32_t a[down][4], b[2][4];
#pragma unroll
      for (int i = 0; i < down; ++i)
        load_matrices(a[i], rows + (i * 16 + lane % 16) * tile_pitch + k + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < 2; ++j)
        load_matrices(b[j], weights + (j * 16 + lane % 8 + lane / 16 * 8) * tile_pitch + k + lane / 8 % 2 * 8);
#pragma unroll
      for (int i = 0; i < down; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) mma(of[i][j], a[i], b[j / 2] + j % 2 * 2, T{});
    }
  }
};

constexpr int board_pitch = 36, board_floats = 16 * board_pitch;

// A pair of sums of a row, from a board that the warp has written.
DEV void store_from(const ProductArgs& g, const float* line, int64_t row, int32_t first_column, int column) {
  const auto sums_at = [&](int place) {
    Pair pair = {line[place], line[place + 1]};
    const int32_t at = first_column + place;
    if (g.scales) {
      pair.a *= at < g.weight_rows ? g.scales[at] : 0.0f;
      pair.b *= at + 1 < g.weight_rows ? g.scales[at + 1] : 0.0f;
    }
    return pair;
  };
  const Pair pair = sums_at(column);
  if (g.splits > 1) {
    float* to = g.partial + (blockIdx.z * g.rows + row) * g.weight_rows + first_column + column;
    if (first_column + column < g.weight_rows) to[0] = pair.a;
    if (first_column + column + 1 < g.weight_rows) to[1] = pair.b;
  } else if (!g.epilogue.geglu) {
    finish_pair(g.epilogue, row, first_column + column, g.columns, pair);
  } else if (column % 16 < 8) {
    finish_gated(g.epilogue, row, first_column + column, g.columns, pair, sums_at(column + 8));
  }
}

// The sums of a warp, through a board in shared memory, so that neighbouring lanes store neighbouring columns.
template <int down>
DEV void store_sums(const ProductArgs& g, const Sums<down>& sums, float* board, int64_t first_row,
                    int32_t first_column) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = 0; i < down; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        board[(lane / 4 + e / 2 * 8) * board_pitch + j * 8 + lane % 4 * 2 + e % 2] = sums.of[i][j][e];
    __syncwarp();
    for (int line = lane / 16; line < 16; line += 2) {
      const int64_t row = first_row + i * 16 + line;
      if (row < g.rows) store_from(g, board + line * board_pitch, row, first_column, lane % 16 * 2);
    }
    __syncwarp();
  }
}

template <class T, class W, class Shape, bool aligned>
KERNEL_FOR(Shape::threads, Shape::blocks)
product(const ProductArgs g) {
  SHARED_BYTES(memory);
  constexpr int row_stage = Shape::rows * tile_pitch, weight_stage = Shape::columns * tile_pitch;
  T* row_tiles = reinterpret_cast<T*>(memory);
  T* weight_tiles = row_tiles + tile_stages * row_stage;
  const int64_t first_row = int64_t{blockIdx.x} * Shape::rows;
  const int32_t first_column = static_cast<int32_t>(blockIdx.y) * Shape::columns;
  const int32_t depth = g.taps.height * g.taps.width * g.padded_channels;
  const int32_t from = static_cast<int32_t>(blockIdx.z) * g.depth_each;
  const int32_t steps = (min(depth - from, g.depth_each) + tile_depth - 1) / tile_depth;
  RowLoader<T, Shape, aligned> rows(g, first_row, from);
  WeightLoader<T, W, Shape> weights(g, first_column, from);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int down = warp / Shape::warps_across * Shape::warp_rows;
  const int across = warp % Shape::warps_across * Shape::warp_columns;

  for (int step = 0; step < tile_stages - 1; ++step) {
    if (step < steps) {
      rows.begin(row_tiles + step * row_stage);
      weights.begin(weight_tiles + step * weight_stage);
      rows.end(row_tiles + step * row_stage);
      weights.end(weight_tiles + step * weight_stage);
    }
    copy_commit();
  }
  Sums<Shape::warp_rows / 16> sums;
  for (int step = 0; step < steps; ++step) {
    copy_wait<tile_stages - 2>();
    __syncthreads();
    // The stage that the step before has read.
    const int next = step + tile_stages - 1, stage = next % tile_stages;
    if (next < steps) {
      rows.begin(row_tiles + stage * row_stage);
      weights.begin(weight_tiles + stage * weight_stage);
    }
    copy_commit();
    sums.add(row_tiles + step % tile_stages * row_stage + down * tile_pitch,
             weight_tiles + step % tile_stages * weight_stage + across * tile_pitch);
    if (next < steps) {
      rows.end(row_tiles + stage * row_stage);
      weights.end(weight_tiles + stage * weight_stage);
    }
  }
  // The tiles are read to the end before boards are written over them.
  __syncthreads();
  store_sums(g, sums, reinterpret_cast<float*>(memory) + warp * board_floats, first_row + down,
             first_column + across);
}

// Sums the parts of a split product, in order. A thread has two columns of the sums.
KERNEL(256) product_finish(const ProductArgs g) {
  const int32_t pairs = (g.weight_rows + 1) / 2;
  const int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const int64_t row = index / pairs;
  const int32_t column = static_cast<int32_t>(index - row * pairs) * 2;
  if (row >= g.rows) return;
  const auto sum_of = [&](int32_t at) {
    float sum = 0;
    if (at < g.weight_rows)
      for (int32_t part = 0; part < g.splits; ++part)
        sum += g.partial[(part * g.rows + row) * g.weight_rows + at];
    return sum;
  };
  const Pair sums = {sum_of(column), sum_of(column + 1)};
  if (!g.epilogue.geglu) {
    finish_pair(g.epilogue, row, column, g.columns, sums);
  } else if (column % 16 < 8) {
    finish_gated(g.epilogue, row, column, g.columns, sums, {sum_of(column + 8), sum_of(column + 9)});
  }
}

template <class T, class W, class Shape, bool aligned>
LaunchResult launch_tile(const ProductArgs& g, Stream stream) {
  const auto kernel = product<T, W, Shape, aligned>;
  if (const LaunchResult failed = ALLOW_SHARED(kernel, Shape::shared_bytes)) return failed;
  const auto count = [](int64_t size, int64_t by) { return static_cast<unsigned>((size + by - 1) / by); };
  const dim3 grid(count(g.rows, Shape::rows), count(g.weight_rows, Shape::columns),
                  static_cast<unsigned>(g.splits));
  LAUNCH(kernel, grid, dim3(Shape::threads), Shape::shared_bytes, stream, g);
  return LAST_LAUNCH();
}

// Whether rows can be copied as they are, in whole vectors.
bool copies(const ProductArgs& g) {
  return g.a.element == g.compute && g.a.stride % 8 == 0 && g.channels % 8 == 0 &&
         reinterpret_cast<uintptr_t>(g.a.data) % 16 == 0;
}

template <class T, class W>
LaunchResult launch_product_of(const ProductArgs& g, Stream stream) {
  if (!copies(g)) return launch_tile<T, W, TileShape<64, 64>, false>(g, stream);
  switch (g.tile) {
    case Tile::large: return launch_tile<T, W, TileShape<128, 128>, true>(g, stream);
    case Tile::tall: return launch_tile<T, W, TileShape<128, 64>, true>(g, stream);
    case Tile::small: break;
  }
  return launch_tile<T, W, TileShape<64, 64>, true>(g, stream);
}

template <class T>
LaunchResult launch_product_in(const ProductArgs& g, Stream stream) {
  switch (g.weight_element) {
    case Element::i8: return launch_product_of<T, int8_t>(g, stream);
    case Element::codes8: return launch_product_of<T, Codes8>(g, stream);
    case Element::codes4: return launch_product_of<T, Codes4>(g, stream);
    default: break;
  }
  return launch_product_of<T, T>(g, stream);
}

}  // namespace

LaunchResult launch_product(const ProductArgs& g, Stream stream) {
  switch (g.compute) {
    case Element::f16: return launch_product_in<Half>(g, stream);
    case Element::bf16: return launch_product_in<BFloat>(g, stream);
    case Element::f32: return launch_plain_product(g, stream);
    default: break;
  }
  return LAUNCH_UNKNOWN;
}

LaunchResult launch_product_finish(const ProductArgs& g, Stream stream) {
  const int64_t pairs = (int64_t{g.weight_rows} + 1) / 2 * g.rows;
  LAUNCH(product_finish, dim3(static_cast<unsigned>((pairs + 255) / 256)), dim3(256), 0, stream, g);
  return LAST_LAUNCH();
}

}  // namespace ipa::gpu
