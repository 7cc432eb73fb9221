// Group norm in three kernels (deviations of blocks of rows, statistics, what becomes of the rows), and layer norm.
// All sums are in f32 about a number that lies among those that are summed: a variance beside a large mean keeps its digits.
#include "cuda/kernels/activations.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {
namespace {

constexpr int warps = row_threads / 32;

// The rows of one block of an item.
struct RowBlock {
  int64_t first;  // counted over all items
  int count;
  DEV RowBlock(const GroupNormArgs& g, int item, int block) {
    const int64_t inside = int64_t{block} * g.block_rows, left = g.rows - inside;
    first = item * g.rows + inside;
    count = static_cast<int>(left < g.block_rows ? left : g.block_rows);
  }
};

// Sums of a thread's rows about the first of them: then their mean about the first row of the block, and the squares
// about their own mean.
template <int width, class T>
DEV void deviations(const GroupNormArgs& g, const Tiles& tiles, const RowBlock& rows, const TileThread& at,
                    float (&mean)[width], float (&squares)[width]) {
  const T* block = typed<T>(g.x) + rows.first * g.x.stride + int64_t{at.column} * width;
  const T* x = block + at.row * g.x.stride;
  float origin[width], first[width];
  load<width>(block, first);
  load<width>(x, origin);
#pragma unroll
  for (int i = 0; i < width; ++i) mean[i] = squares[i] = 0;
  int count = 1;
#pragma unroll 4
  for (int r = at.row + tiles.rows; r < rows.count; r += tiles.rows) {
    x += tiles.rows * g.x.stride;
    float v[width];
    load<width>(x, v);
#pragma unroll
    for (int i = 0; i < width; ++i) {
      const float d = v[i] - origin[i];
      mean[i] += d;
      squares[i] = fmaf(d, d, squares[i]);
    }
    ++count;
  }
  const float inverse = 1.0f / static_cast<float>(count);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    const float own = mean[i] * inverse;
    squares[i] = fmaxf(0.0f, squares[i] - mean[i] * own);
    mean[i] = (origin[i] - first[i]) + own;
  }
}

// Meets what the threads of a channel found, a channel a thread.
template <int width>
DEV void meet_deviations(const GroupNormArgs& g, const Tiles& tiles, const RowBlock& rows, const float* means,
                         const float* squares) {
  const int active = rows.count < tiles.rows ? rows.count : tiles.rows;
  const int across = tiles.columns * width;
  float* out = g.partial + (int64_t{blockIdx.z} * g.blocks + blockIdx.x) * 2 * g.channels;
  for (int j = threadIdx.x; j < across; j += row_threads) {
    const int64_t c = (int64_t{blockIdx.y} * tiles.columns + j % tiles.columns) * width + j / tiles.columns;
    if (c >= g.channels) continue;
    float mean = 0, about = 0;
    const auto count_of = [&](int row) {
      return static_cast<float>((rows.count - row + tiles.rows - 1) / tiles.rows);
    };
    for (int r = 0; r < active; ++r) mean = fmaf(count_of(r), means[r * across + j], mean);
    mean /= static_cast<float>(rows.count);
    for (int r = 0; r < active; ++r) {
      const float d = means[r * across + j] - mean;
      about += fmaf(count_of(r), d * d, squares[r * across + j]);
    }
    out[c] = mean;
    out[g.channels + c] = about;
  }
}

template <int width>
KERNEL(row_threads)
norm_sums(const GroupNormArgs g, const Tiles tiles) {
  SHARED_BYTES(memory);
  float* means = reinterpret_cast<float*>(memory);
  float* squares = means + row_threads * width;
  const RowBlock rows(g, blockIdx.z, blockIdx.x);
  const TileThread at(tiles);
  if (at.has_work(tiles, g.channels / width) && at.row < rows.count) {
    float mean[width], about[width];
    with_type(g.x.element,
              [&](auto kind) { deviations<width, decltype(kind)>(g, tiles, rows, at, mean, about); });
    const int column = static_cast<int>(threadIdx.x) % tiles.columns;
#pragma unroll
    for (int i = 0; i < width; ++i) {
      const int place = (at.row * width + i) * tiles.columns + column;
      means[place] = mean[i];
      squares[place] = about[i];
    }
  }
  __syncthreads();
  meet_deviations<width>(g, tiles, rows, means, squares);
}

// Over all threads of a block; each gets the same bits.
DEV void block_sums(float& a, float& b, float* shared) {
  a = warp_sum(a);
  b = warp_sum(b);
  const int warp = threadIdx.x / 32;
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    shared[warp] = a;
    shared[warps + warp] = b;
  }
  __syncthreads();
  a = b = 0;
#pragma unroll
  for (int i = 0; i < warps; ++i) {
    a += shared[i];
    b += shared[warps + i];
  }
}

// Statistics of one group of one item. A cell is one channel of one block of rows.
template <class Visit>
DEV void each_cell(const GroupNormArgs& g, int item, int first, int per_group, Visit visit) {
  const int64_t cells = int64_t{g.blocks} * per_group;
#pragma unroll 1
  for (int64_t i = threadIdx.x; i < cells; i += row_threads) {
    const int block = static_cast<int>(quotient(i, per_group));
    const int c = first + static_cast<int>(i - int64_t{block} * per_group);
    const RowBlock rows(g, item, block);
    const float* cell = g.partial + (int64_t{item} * g.blocks + block) * 2 * g.channels + c;
    visit(static_cast<float>(rows.count), load_one(g.x, rows.first * g.x.stride + c), cell[0],
          cell[g.channels]);
  }
}

KERNEL(row_threads) norm_finish(const GroupNormArgs g) {
  SHARED_BYTES(memory);
  float* shared = reinterpret_cast<float*>(memory);
  const int item = blockIdx.y, per_group = g.channels / g.groups, first = blockIdx.x * per_group;
  const float count = static_cast<float>(g.rows) * static_cast<float>(per_group);
  float sum = 0, unused = 0;
  each_cell(g, item, first, per_group,
            [&](float rows, float origin, float mean, float) { sum = fmaf(rows, origin + mean, sum); });
  block_sums(sum, unused, shared);
  const float mean = sum / count;
  // Rounding left something of the mean: it shows in the deviations, and is taken off them.
  float rest = 0, squares = 0;
  each_cell(g, item, first, per_group, [&](float rows, float origin, float own, float about) {
    const float d = (origin - mean) + own;
    rest = fmaf(rows, d, rest);
    squares += fmaf(rows * d, d, about);
  });
  block_sums(rest, squares, shared);
  rest /= count;
  const float variance = fmaxf(0.0f, squares / count - rest * rest);
  const float scale = 1.0f / sqrtf(variance + g.epsilon);
  float* means = g.affine + int64_t{item} * 3 * g.channels;
  for (int c = first + static_cast<int>(threadIdx.x); c < first + per_group; c += row_threads) {
    const float factor = scale * g.gamma[c];
    means[c] = mean;
    means[g.channels + c] = factor;
    means[2 * g.channels + c] = fmaf(-rest, factor, g.beta[c]);
  }
}

template <int width, class T>
DEV void apply(const GroupNormArgs& g, const Tiles& tiles, const TileThread& at) {
  const RowBlock rows(g, blockIdx.z, blockIdx.x);
  const int64_t c = int64_t{at.column} * width;
  const float* means = g.affine + int64_t{blockIdx.z} * 3 * g.channels + c;
  float mean[width], factor[width], offset[width];
  load<width>(means, mean);
  load<width>(means + g.channels, factor);
  load<width>(means + 2 * g.channels, offset);
  for (int r = at.row; r < rows.count; r += tiles.rows) {
    const int64_t row = rows.first + r;
    float v[width];
    load<width>(typed<T>(g.x) + row * g.x.stride + c, v);
#pragma unroll
    for (int i = 0; i < width; ++i) v[i] = fmaf(v[i] - mean[i], factor[i], offset[i]);
    activate(g.activation, v);
    store<width>(g.out, row * g.out.stride + c, v);
  }
}

template <int width>
KERNEL(row_threads)
norm_apply(const GroupNormArgs g, const Tiles tiles) {
  const TileThread at(tiles);
  if (!at.has_work(tiles, g.channels / width)) return;
  with_type(g.x.element, [&](auto kind) { apply<width, decltype(kind)>(g, tiles, at); });
}

// A row a warp. Each lane sees the same channels each time, and writes them last: `out` may be `x`.
template <int width, class T>
DEV void normalise_row(const LayerNormArgs& g, int64_t row) {
  const T* x = typed<T>(g.x) + row * g.x.stride;
  const int first = static_cast<int>(threadIdx.x % 32) * width;
  const auto each = [&](auto visit) {
#pragma unroll 4
    for (int c = first; c < g.channels; c += 32 * width) {
      float v[width];
      load<width>(x + c, v);
      visit(c, v);
    }
  };
  const float count = static_cast<float>(g.channels);
  float sum = 0;
  each([&](int, const float(&v)[width]) {
#pragma unroll
    for (int i = 0; i < width; ++i) sum += v[i];
  });
  const float mean = warp_sum(sum) / count;
  // Rounding left something of the mean: it shows in the deviations, and is taken off them.
  float rest = 0, squares = 0;
  each([&](int, const float(&v)[width]) {
#pragma unroll
    for (int i = 0; i < width; ++i) {
      const float d = v[i] - mean;
      rest += d;
      squares = fmaf(d, d, squares);
    }
  });
  rest = warp_sum(rest) / count;
  const float variance = fmaxf(0.0f, warp_sum(squares) / count - rest * rest);
  const float factor = 1.0f / sqrtf(variance + g.epsilon);
  each([&](int c, float(&v)[width]) {
    float gamma[width], beta[width];
    load<width>(g.gamma + c, gamma);
    load<width>(g.beta + c, beta);
#pragma unroll
    for (int i = 0; i < width; ++i) v[i] = fmaf(((v[i] - mean) - rest) * factor, gamma[i], beta[i]);
    store<width>(g.out, row * g.out.stride + c, v);
  });
}

template <int width>
KERNEL(row_threads)
layer_norm(const LayerNormArgs g) {
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  if (row >= g.rows) return;
  with_type(g.x.element, [&](auto kind) { normalise_row<width, decltype(kind)>(g, row); });
}

}  // namespace

LaunchResult launch_norm_sums(const GroupNormArgs& g, Stream stream) {
  if (!is_float(g.x)) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel, int width) {
    const Tiles tiles = tiles_of(g.channels / width);
    LAUNCH(kernel, dim3(g.blocks, tiles.count, g.items), row_threads, row_threads * width * 2 * sizeof(float),
           stream, g, tiles);
    return LAST_LAUNCH();
  };
  return in_packs(g.x, g.channels, row_pack) ? run(norm_sums<row_pack>, row_pack) : run(norm_sums<1>, 1);
}

LaunchResult launch_norm_finish(const GroupNormArgs& g, Stream stream) {
  if (!is_float(g.x)) return LAUNCH_UNKNOWN;
  LAUNCH(norm_finish, dim3(g.groups, g.items), row_threads, 2 * warps * sizeof(float), stream, g);
  return LAST_LAUNCH();
}

LaunchResult launch_norm_apply(const GroupNormArgs& g, Stream stream) {
  if (!is_float(g.x) || !is_float(g.out)) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel, int width) {
    const Tiles tiles = tiles_of(g.channels / width);
    LAUNCH(kernel, dim3(g.blocks, tiles.count, g.items), row_threads, 0, stream, g, tiles);
    return LAST_LAUNCH();
  };
  const bool packs =
      in_packs(g.x, g.channels, row_pack) && in_packs(g.out, g.channels, row_pack) && aligned(g.affine, 16);
  return packs ? run(norm_apply<row_pack>, row_pack) : run(norm_apply<1>, 1);
}

LaunchResult launch_layer_norm(const LayerNormArgs& g, Stream stream) {
  if (!is_float(g.x) || !is_float(g.out)) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel) {
    const auto blocks = static_cast<unsigned>((g.rows + warps - 1) / warps);
    LAUNCH(kernel, blocks, row_threads, 0, stream, g);
    return LAST_LAUNCH();
  };
  const bool packs = in_packs(g.x, g.channels, row_pack) && in_packs(g.out, g.channels, row_pack) &&
                     aligned(g.gamma, 16) && aligned(g.beta, 16);
  return packs ? run(layer_norm<row_pack>) : run(layer_norm<1>);
}

}  // namespace ipa::gpu
