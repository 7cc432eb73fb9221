// Merging of tokens (see Graph::token_map and cpu/launch/token_merge.h): what each source is most like, which sources
// merge and where every token is then found, and the means of what became one.
#include <cmath>

#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {
namespace {

// Destinations are the tokens at even rows and columns of whole squares of 2 x 2, sources all others; both are numbered in
// the order of their tokens.
struct Squares {
  int w, squares_h, squares_w;
  DEV explicit Squares(const TokenMapArgs& g) : w(g.width), squares_h(g.height / 2), squares_w(g.width / 2) {}
  DEV int destinations() const { return squares_h * squares_w; }
  DEV int destination_token(int d) const { return d / squares_w * 2 * w + d % squares_w * 2; }
  DEV int source_token(int s) const {
    // Of two rows, the upper has its odd columns and, where the width is odd, its last.
    const int upper = w - squares_w, each = upper + w, pair = s / each, rest = s % each;
    if (pair == squares_h) return pair * 2 * w + rest;  // a last row that has no other
    if (rest >= upper) return (pair * 2 + 1) * w + rest - upper;
    return pair * 2 * w + (rest < squares_w ? 2 * rest + 1 : w - 1);
  }
};

constexpr int tile = 64, depth = 16, pitch = tile + 4, merge_threads = 256, each = 4;

// A tile's tokens in shared memory, channel by channel, and the length of each as the channels pass.
struct TokenTile {
  float* values;      // depth x pitch
  float* inverses;    // tile: 1 / length
  int64_t row = -1;   // of this thread's token; -1: none
  float squares = 0;  // of this thread's share of it

  // Four threads a token, four channels each.
  template <int width>
  DEV void fetch(const Rows& x, int channels, int channel) {
    const int token = threadIdx.x / each, place = static_cast<int>(threadIdx.x) % each * each;
    float v[each] = {0, 0, 0, 0};
    const int64_t at = row * x.stride + channel + place;
    if (row >= 0) {
      if (width == each) {
        if (channel + place < channels) load<each>(x, at, v);
      } else {
#pragma unroll
        for (int i = 0; i < each; ++i)
          if (channel + place + i < channels) v[i] = load_one(x, at + i);
      }
    }
#pragma unroll
    for (int i = 0; i < each; ++i) {
      squares = fmaf(v[i], v[i], squares);
      values[(place + i) * pitch + token] = v[i];
    }
  }

  DEV void finish() {
    float sum = squares;
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    if (threadIdx.x % each == 0) inverses[threadIdx.x / each] = sum > 0 ? 1.0f / sqrtf(sum) : 0.0f;
  }
};

// The largest so far of a source, and the first destination that has it.
struct Best {
  float score = -INFINITY;
  int at = 0;
  DEV void see(float other, int place) {
    if (other > score || (other == score && place < at)) {
      score = other;
      at = place;
    }
  }
};

// 64 sources a block against all destinations, 64 at a time; 4 x 4 of the scores a thread.
template <int width>
DEV void scores(const TokenMapArgs& g, TokenTile& a, TokenTile& b, float (&sums)[each][each]) {
  const int row = threadIdx.x / 16 * each, column = threadIdx.x % 16 * each;
  a.squares = b.squares = 0;
#pragma unroll
  for (int i = 0; i < each; ++i)
#pragma unroll
    for (int j = 0; j < each; ++j) sums[i][j] = 0;
  for (int channel = 0; channel < g.channels; channel += depth) {
    __syncthreads();
    a.fetch<width>(g.x, g.channels, channel);
    b.fetch<width>(g.x, g.channels, channel);
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < depth; ++k) {
      float u[each], v[each];
      load<each>(a.values + k * pitch + row, u);
      load<each>(b.values + k * pitch + column, v);
#pragma unroll
      for (int i = 0; i < each; ++i)
#pragma unroll
        for (int j = 0; j < each; ++j) sums[i][j] = fmaf(u[i], v[j], sums[i][j]);
    }
  }
  a.finish();
  b.finish();
  __syncthreads();
}

template <int width>
KERNEL(merge_threads)
merge_best(const TokenMapArgs g, const int sources) {
  SHARED_BYTES(memory);
  float* shared = reinterpret_cast<float*>(memory);
  const Squares squares(g);
  TokenTile a{shared, shared + 2 * depth * pitch}, b{shared + depth * pitch, a.inverses + tile};
  const int64_t item_row = int64_t{blockIdx.y} * g.height * g.width;
  const int first = blockIdx.x * tile, mine = threadIdx.x / each, destinations = squares.destinations();
  if (first + mine < sources) a.row = item_row + squares.source_token(first + mine);
  Best best[each];
  const int column = threadIdx.x % 16 * each;
  for (int d = 0; d < destinations; d += tile) {
    b.row = d + mine < destinations ? item_row + squares.destination_token(d + mine) : -1;
    float sums[each][each];
    scores<width>(g, a, b, sums);
#pragma unroll
    for (int j = 0; j < each; ++j) {
      const int place = d + column + j;
      if (place >= destinations) continue;
#pragma unroll
      for (int i = 0; i < each; ++i) best[i].see(sums[i][j] * b.inverses[column + j], place);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < each; ++i) {
#pragma unroll
    for (int step = 1; step < 16; step *= 2)
      best[i].see(__shfl_xor_sync(0xffffffffu, best[i].score, step),
                  __shfl_xor_sync(0xffffffffu, best[i].at, step));
    const int local = threadIdx.x / 16 * each + i;
    if (threadIdx.x % 16 || first + local >= sources) continue;
    const int64_t to = int64_t{blockIdx.y} * sources + first + local;
    g.likeness[to] = best[i].score * a.inverses[local];
    g.best[to] = best[i].at;
  }
}

constexpr int keys_at_once = 1024;

// What is no number comes last.
DEV float key_of(float likeness) { return likeness > -2.0f ? likeness : -2.0f; }

// A source's place is how many come before it: those that are more alike, or as much and earlier. The first merge. Slots:
// destinations come first, then the sources that stay by themselves.
KERNEL(merge_threads) merge_ids(const TokenMapArgs g, const int sources) {
  SHARED_BYTES(memory);
  float* keys = reinterpret_cast<float*>(memory);
  const Squares squares(g);
  const int tokens = g.height * g.width, item = blockIdx.y;
  const int me = blockIdx.x * merge_threads + static_cast<int>(threadIdx.x);
  const float* likeness = g.likeness + int64_t{item} * sources;
  const float mine = me < sources ? key_of(likeness[me]) : 0.0f;
  int place = 0;
  for (int first = 0; first < sources; first += keys_at_once) {
    const int count = sources - first < keys_at_once ? sources - first : keys_at_once;
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += merge_threads) keys[i] = key_of(likeness[first + i]);
    __syncthreads();
    const int before = me - first;  // keys of earlier sources
    for (int i = 0; i < count; ++i) place += keys[i] > mine || (keys[i] == mine && i < before);
  }
  if (me >= tokens) return;
  const int merged = g.merged < sources ? g.merged : sources, slot = item * (tokens - merged);
  int32_t* ids = g.ids + int64_t{item} * tokens;
  if (me >= sources)
    ids[squares.destination_token(me - sources)] = slot + me - sources;
  else
    ids[squares.source_token(me)] = slot + (place < merged ? g.best[int64_t{item} * sources + me]
                                                           : squares.destinations() + place - merged);
}

constexpr int merge_packs = 2;  // of channels, a lane

// A row a warp: it looks at the ids of all tokens, and adds those that are its own in their order.
template <int width>
KERNEL(merge_threads)
merge_means(const MergeRowsArgs g) {
  const int lane = threadIdx.x % 32, item = blockIdx.z;
  const int64_t slot = int64_t{blockIdx.x} * (merge_threads / 32) + threadIdx.x / 32;
  if (slot >= g.left) return;
  const int first = (static_cast<int>(blockIdx.y) * 32 * merge_packs + lane) * width;
  const int32_t* ids = g.ids + int64_t{item} * g.tokens;
  const int64_t base = int64_t{item} * g.left;
  float sum[merge_packs][width] = {};
  int count = 0;
  for (int t = 0; t < g.tokens; t += 32) {
    bool own = false;
    if (t + lane < g.tokens) {
      const int64_t id = ids[t + lane] - base;
      own = (id < 0 ? 0 : id < g.left ? id : g.left - 1) == slot;
    }
    for (uint32_t found = __ballot_sync(0xffffffffu, own); found; found &= found - 1) {
      const int64_t row = int64_t{item} * g.tokens + t + __ffs(static_cast<int>(found)) - 1;
      ++count;
#pragma unroll
      for (int p = 0; p < merge_packs; ++p) {
        const int c = first + p * 32 * width;
        if (c >= g.channels) continue;
        float v[width];
        load<width>(g.x, row * g.x.stride + c, v);
#pragma unroll
        for (int i = 0; i < width; ++i) sum[p][i] += v[i];
      }
    }
  }
  const float divisor = count > 1 ? static_cast<float>(count) : 1.0f;
#pragma unroll
  for (int p = 0; p < merge_packs; ++p) {
    const int c = first + p * 32 * width;
    if (c >= g.channels) continue;
#pragma unroll
    for (int i = 0; i < width; ++i) sum[p][i] /= divisor;
    store<width>(g.out, (base + slot) * g.out.stride + c, sum[p]);
  }
}

int sources_of(const TokenMapArgs& g) { return g.height * g.width - g.height / 2 * (g.width / 2); }

}  // namespace

LaunchResult launch_merge_best(const TokenMapArgs& g, Stream stream) {
  if (!is_float(g.x)) return LAUNCH_UNKNOWN;
  const int sources = sources_of(g);
  const auto run = [&](auto kernel) {
    constexpr int bytes = (2 * depth * pitch + 2 * tile) * sizeof(float);
    LAUNCH(kernel, dim3((sources + tile - 1) / tile, g.items), merge_threads, bytes, stream, g, sources);
    return LAST_LAUNCH();
  };
  return in_packs(g.x, g.channels, each) ? run(merge_best<each>) : run(merge_best<1>);
}

LaunchResult launch_merge_ids(const TokenMapArgs& g, Stream stream) {
  const int tokens = g.height * g.width;
  LAUNCH(merge_ids, dim3((tokens + merge_threads - 1) / merge_threads, g.items), merge_threads,
         keys_at_once * sizeof(float), stream, g, sources_of(g));
  return LAST_LAUNCH();
}

LaunchResult launch_merge_rows(const MergeRowsArgs& g, Stream stream) {
  if (!is_float(g.x) || !is_float(g.out)) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel, int width) {
    const int rows = merge_threads / 32, channels = 32 * merge_packs * width;
    const dim3 grid((g.left + rows - 1) / rows, (g.channels + channels - 1) / channels, g.items);
    LAUNCH(kernel, grid, merge_threads, 0, stream, g);
    return LAST_LAUNCH();
  };
  const bool packs = in_packs(g.x, g.channels, row_pack) && in_packs(g.out, g.channels, row_pack);
  return packs ? run(merge_means<row_pack>, row_pack) : run(merge_means<1>, 1);
}

}  // namespace ipa::gpu
