// Attention of heads wider than 160, as the VAE has: one head of all channels. The warps of a block share the head's
// columns, so that 32 queries' results fit their registers.
#include "cuda/kernels/attention_tile.cuh"
#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {
namespace {

constexpr int wide_queries = 32, wide_tokens = 16, wide_threads = 256, wide_warps = wide_threads / 32;
constexpr int score_pitch = wide_tokens + 1, exponential_pitch = wide_tokens + 8;

// One tile of keys, then of values, at a time. Scores come in two parts, each of half of the head.
template <class T, int width>
struct WideMemory {
  static constexpr int pitch = width + 8;
  static constexpr int tile_bytes = (wide_queries + wide_tokens) * pitch * static_cast<int>(sizeof(T));
  static constexpr int score_floats = 2 * wide_queries * score_pitch;
  static constexpr int bytes = tile_bytes + (score_floats + wide_queries) * static_cast<int>(sizeof(float)) +
                               wide_queries * exponential_pitch * static_cast<int>(sizeof(T));
  T *queries, *tokens, *exponentials;
  float *scores, *factors;
  DEV explicit WideMemory(unsigned char* memory)
      : queries(reinterpret_cast<T*>(memory)),
        tokens(queries + wide_queries * pitch),
        exponentials(tokens + wide_tokens * pitch),
        scores(reinterpret_cast<float*>(exponentials + wide_queries * exponential_pitch)),
        factors(scores + score_floats) {}
};

// The columns of a warp, of all queries of the block.
template <int width>
struct WideSums {
  static constexpr int columns = width / wide_warps;
  float of[2][columns / 8][4] = {};

  // Each query's times its factor.
  DEV void scale(const float* factors) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float by = factors[i * 16 + half * 8 + lane / 4];
#pragma unroll
        for (int j = 0; j < columns / 8; ++j) {
          of[i][j][2 * half] *= by;
          of[i][j][2 * half + 1] *= by;
        }
      }
  }
  DEV void add(const WideSums& other) {
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int j = 0; j < columns / 8; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) of[i][j][e] += other.of[i][j][e];
  }
};

template <class T, int width>
struct WideAttention {
  using Memory = WideMemory<T, width>;
  const AttentionArgs& g;
  const Memory& memory;
  int warp, lane, first_query;
  // Of the softmax: eight threads a query.
  float most, sum;

  DEV WideAttention(const AttentionArgs& args, const Memory& shared)
      : g(args),
        memory(shared),
        warp(static_cast<int>(threadIdx.x) / 32),
        lane(static_cast<int>(threadIdx.x) % 32),
        first_query(static_cast<int>(blockIdx.x) * wide_queries) {}

  DEV void load(const T* from, int first, int tokens) {
    __syncthreads();
    load_tokens<T, width, Memory::pitch>(g, memory.tokens, from, wide_tokens, first, tokens);
    copy_commit();
    copy_wait<0>();
    __syncthreads();
  }

  // A warp: 16 queries, 8 tokens, and a half of the head.
  DEV void find_scores() {
    const int down = warp / 4 * 16, across = warp / 2 % 2 * 8, part = warp % 2;
    float score[4] = {};
#pragma unroll
    for (int i = 0; i < width / 64; ++i) {
      const int column = part * (width / 2) + i * 32;
      uint32_t a[4], b[4];
      // Of the keys two steps of the head at once.
      load_matrices(b, memory.tokens + (across + lane % 8) * Memory::pitch + column + lane / 8 * 8);
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        load_matrices(a, memory.queries + (down + lane % 16) * Memory::pitch + column + k * 16 + lane / 16 * 8);
        mma(score, a, b + k * 2, T{});
      }
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = down + e / 2 * 8 + lane / 4, token = across + lane % 4 * 2 + e % 2;
      memory.scores[(part * wide_queries + row) * score_pitch + token] = score[e];
    }
    __syncthreads();
  }

  // Exponentials of a tile about the largest score so far, and the factor by which what was before shrinks.
  DEV void soften(int first_token, int last_token) {
    const int row = static_cast<int>(threadIdx.x) / 8, place = static_cast<int>(threadIdx.x) % 8 * 2;
    float score[2], top = most;
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int token = first_token + place + e;
      const bool seen = token < last_token && (!g.causal || token <= first_query + row);
      const float* at = memory.scores + row * score_pitch + place + e;
      score[e] = seen ? (at[0] + at[wide_queries * score_pitch]) * g.scale * log2_e : -INFINITY;
      top = fmaxf(top, score[e]);
    }
#pragma unroll
    for (int step = 1; step < 8; step *= 2) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, step));
    const float shrink = top == -INFINITY ? 1.0f : exp2f(most - top), about = top == -INFINITY ? 0.0f : top;
    const float low = exp2f(score[0] - about), high = exp2f(score[1] - about);
    float part = low + high;
#pragma unroll
    for (int step = 1; step < 8; step *= 2) part += __shfl_xor_sync(0xffffffffu, part, step);
    sum = sum * shrink + part;
    most = top;
    *reinterpret_cast<uint32_t*>(memory.exponentials + row * exponential_pitch + place) = pack2<T>(low, high);
    if (place == 0) memory.factors[row] = shrink;
  }

  DEV void add_values(WideSums<width>& sums) {
    uint32_t a[2][4];
#pragma unroll
    for (int i = 0; i < 2; ++i)
      load_matrices(a[i], memory.exponentials + (i * 16 + lane % 16) * exponential_pitch + lane / 16 * 8);
#pragma unroll
    for (int j = 0; j < WideSums<width>::columns / 16; ++j) {
      const int column = warp * WideSums<width>::columns + j * 16;
      uint32_t value[4];
      load_matrices_transposed(value, memory.tokens + lane % 16 * Memory::pitch + column + lane / 16 * 8);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        mma(sums.of[i][2 * j], a[i], value, T{});
        mma(sums.of[i][2 * j + 1], a[i], value + 2, T{});
      }
    }
  }

  // gain * softmax(q k') v of a branch. Its gains are not all zero.
  DEV void attend(const KeyBranch& branch, float gain, WideSums<width>& sums) {
    const int last = seen_tokens(g, branch, first_query + wide_queries - 1);
    most = -INFINITY;
    sum = 0;
    for (int first = 0; first < last; first += wide_tokens) {
      load(packed_rows<T>(g, branch, false), first, branch.tokens);
      find_scores();
      soften(first, last);
      load(packed_rows<T>(g, branch, true), first, branch.tokens);
      sums.scale(memory.factors);
      add_values(sums);
    }
    __syncthreads();
    const int row = static_cast<int>(threadIdx.x) / 8;
    if (threadIdx.x % 8 == 0) memory.factors[row] = gain == 0 ? 0.0f : gain / sum;
    __syncthreads();
    sums.scale(memory.factors);
  }

  DEV void store_out(const WideSums<width>& sums) {
    constexpr int columns = WideSums<width>::columns;
    with_type(g.out.element, [&](auto kind) {
      using Out = decltype(kind);
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < columns / 8; ++j)
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const int query = first_query + i * 16 + e / 2 * 8 + lane / 4;
            const int column = warp * columns + j * 8 + lane % 4 * 2 + e % 2;
            if (query >= g.queries || column >= g.head_size) continue;
            static_cast<Out*>(g.out.data)[(int64_t{blockIdx.z} * g.queries + query) * g.out.stride +
                                          int64_t{blockIdx.y} * g.head_size + column] =
                from_float<Out>(sums.of[i][j][e]);
          }
    });
  }
};

template <class T, int width>
KERNEL_FOR(wide_threads, 1)
wide_attention(const AttentionArgs g) {
  SHARED_BYTES(bytes);
  const WideMemory<T, width> memory(bytes);
  WideAttention<T, width> block(g, memory);
  load_queries<T, width, WideMemory<T, width>::pitch>(g, memory.queries, wide_queries, block.first_query);
  WideSums<width> total;
  for (int b = 0; b < g.branches; ++b) {
    const int query = block.first_query + static_cast<int>(threadIdx.x) / 8;
    const float gain = query < g.queries ? branch_gain(g.branch[b], query) : 0.0f;
    if (!__syncthreads_or(gain != 0)) continue;
    WideSums<width> sums;
    block.attend(g.branch[b], gain, sums);
    total.add(sums);
  }
  block.store_out(total);
}

template <class T, int width>
LaunchResult launch_width(const AttentionArgs& g, Stream stream) {
  constexpr int bytes = WideMemory<T, width>::bytes;
  const auto kernel = wide_attention<T, width>;
  if (const LaunchResult failed = ALLOW_SHARED(kernel, bytes)) return failed;
  const dim3 grid(static_cast<unsigned>((g.queries + wide_queries - 1) / wide_queries),
                  static_cast<unsigned>(g.heads), static_cast<unsigned>(g.items));
  LAUNCH(kernel, grid, dim3(wide_threads), bytes, stream, g);
  return LAST_LAUNCH();
}

template <class T>
LaunchResult launch_wide_of(const AttentionArgs& g, Stream stream) {
  if (g.padded_head <= 256) return launch_width<T, 256>(g, stream);
  if (g.padded_head <= 512) return launch_width<T, 512>(g, stream);
  return LAUNCH_UNKNOWN;
}

}  // namespace

LaunchResult launch_wide_attention(const AttentionArgs& g, Stream stream) {
  return g.compute == Element::f16 ? launch_wide_of<Half>(g, stream) : launch_wide_of<BFloat>(g, stream);
}

}  // namespace ipa::gpu
