// Decoupled attention in one kernel: the sum over branches of scale * softmax(q k') v, each branch with a softmax of its
// own (IP-Adapter, section 3.2.2). The first branch is the text's; scores stay in registers and f32.
#include "cuda/kernels/attention_tile.cuh"
#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {
namespace {

constexpr int queries_of_block = 64, attention_threads = 128;

// Tokens of a tile: fewer of wide heads, whose keys and values take more room.
template <int width>
constexpr int token_tile = width > 96 ? 32 : 64;

// Queries, keys and values of a block; rows begin 16 bytes apart in the banks.
template <class T, int width>
struct AttentionMemory {
  static constexpr int pitch = width + 8, tokens = token_tile<width>;
  static constexpr int bytes = (queries_of_block + 2 * tokens) * pitch * static_cast<int>(sizeof(T));
  T *queries, *keys, *values;
  DEV explicit AttentionMemory(unsigned char* memory)
      : queries(reinterpret_cast<T*>(memory)),
        keys(queries + queries_of_block * pitch),
        values(keys + tokens * pitch) {}
};

// What a lane knows of its two queries in a branch: the largest score so far, and the sum of the exponentials.
struct Softmax {
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

  // What exponentials are multiplied with at the end. A branch left out is 0, whatever its scores are.
  DEV void weigh(const float (&gain)[2], float (&by)[2]) const {
#pragma unroll
    for (int h = 0; h < 2; ++h) by[h] = gain[h] == 0 ? 0.0f : gain[h] / sum[h];
  }
};

// One warp's 16 queries: the scores of a tile, and the results in the making.
template <class T, int width>
struct WarpAttention {
  static constexpr int tokens = token_tile<width>, pitch = AttentionMemory<T, width>::pitch;
  // Queries of narrow heads stay in registers.
  static constexpr bool keeps_queries = width <= 80;

  const AttentionArgs& g;
  const T* own_queries;  // of the warp, in shared memory
  int first_query;       // of the lane: its second is eight further on
  uint32_t query[keeps_queries ? width / 16 : 1][4];
  float out[width / 8][4] = {};
  float score[tokens / 8][4];

  DEV WarpAttention(const AttentionArgs& args, const T* queries) : g(args) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    own_queries = queries + (warp * 16 + lane % 16) * pitch + lane / 16 * 8;
    first_query = static_cast<int>(blockIdx.x) * queries_of_block + warp * 16 + lane / 4;
    if constexpr (keeps_queries) {
#pragma unroll
      for (int i = 0; i < width / 16; ++i) load_matrices(query[i], own_queries + i * 16);
    }
  }

  // Scores in powers of two; what a query does not see is -infinity.
  DEV void find_scores(const T* keys, int first_token, int last_token) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int j = 0; j < tokens / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) score[j][e] = 0;
#pragma unroll
    for (int i = 0; i < width / 16; ++i) {
      if constexpr (!keeps_queries) load_matrices(query[0], own_queries + i * 16);
#pragma unroll
      for (int j = 0; j < tokens / 16; ++j) {
        uint32_t key[4];
        load_matrices(key, keys + (j * 16 + lane % 8 + lane / 16 * 8) * pitch + i * 16 + lane / 8 % 2 * 8);
        mma(score[2 * j], query[keeps_queries ? i : 0], key, T{});
        mma(score[2 * j + 1], query[keeps_queries ? i : 0], key + 2, T{});
      }
    }
    const float factor = g.scale * log2_e;
#pragma unroll
    for (int j = 0; j < tokens / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int token = first_token + j * 8 + lane % 4 * 2 + e % 2;
        const bool seen = token < last_token && (!g.causal || token <= first_query + e / 2 * 8);
        score[j][e] = seen ? score[j][e] * factor : -INFINITY;
      }
  }

  // Takes a tile's scores in; the factor by which everything before shrinks.
  DEV void meet(Softmax& softmax, float (&shrink)[2]) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float most = softmax.most[h];
#pragma unroll
      for (int j = 0; j < tokens / 8; ++j) most = fmaxf(most, fmaxf(score[j][2 * h], score[j][2 * h + 1]));
      most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
      most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
      shrink[h] = most == -INFINITY ? 1.0f : exp2f(softmax.most[h] - most);
      softmax.most[h] = most;
      softmax.sum[h] *= shrink[h];
    }
  }

  // Scores become exponentials about the largest; their sums.
  DEV void exponentials(const Softmax& softmax, float (&sums)[2]) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float most = softmax.most[h] == -INFINITY ? 0.0f : softmax.most[h];
      float sum = 0;
#pragma unroll
      for (int j = 0; j < tokens / 8; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) sum += score[j][2 * h + e] = exp2f(score[j][2 * h + e] - most);
      sum += __shfl_xor_sync(0xffffffffu, sum, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      sums[h] = sum;
    }
  }
  DEV void count_exponentials(Softmax& softmax) {
    float sums[2];
    exponentials(softmax, sums);
    softmax.sum[0] += sums[0];
    softmax.sum[1] += sums[1];
  }

  DEV void scale_out(const float (&by)[2]) {
#pragma unroll
    for (int j = 0; j < width / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) out[j][e] *= by[e / 2];
  }

  // out += exponentials x values, each query's times its factor.
  DEV void add_values(const T* values, const float (&by)[2]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < tokens / 16; ++i) {
      const float(&low)[4] = score[2 * i], (&high)[4] = score[2 * i + 1];
      const uint32_t p[4] = {pack2<T>(low[0] * by[0], low[1] * by[0]), pack2<T>(low[2] * by[1], low[3] * by[1]),
                             pack2<T>(high[0] * by[0], high[1] * by[0]),
                             pack2<T>(high[2] * by[1], high[3] * by[1])};
#pragma unroll
      for (int j = 0; j < width / 16; ++j) {
        uint32_t value[4];
        load_matrices_transposed(value, values + (i * 16 + lane % 16) * pitch + j * 16 + lane / 16 * 8);
        mma(out[2 * j], p, value, T{});
        mma(out[2 * j + 1], p, value + 2, T{});
      }
    }
  }

  DEV void store_out() const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    with_type(g.out.element, [&](auto kind) {
      using Out = decltype(kind);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int query = first_query + h * 8;
        if (query >= g.queries) continue;
        Out* row = static_cast<Out*>(g.out.data) + (int64_t{blockIdx.z} * g.queries + query) * g.out.stride +
                   int64_t{blockIdx.y} * g.head_size;
#pragma unroll
        for (int j = 0; j < width / 8; ++j) {
          const int column = j * 8 + lane % 4 * 2;
          Out* to = row + column;
          if (column + 1 < g.head_size && reinterpret_cast<uintptr_t>(to) % (2 * sizeof(Out)) == 0) {
            store<2>(to, {out[j][2 * h], out[j][2 * h + 1]});
          } else {
            if (column < g.head_size) to[0] = from_float<Out>(out[j][2 * h]);
            if (column + 1 < g.head_size) to[1] = from_float<Out>(out[j][2 * h + 1]);
          }
        }
      }
    });
  }
};

// The keys (and `with_values` the values) of a tile to shared memory, once nobody reads the one before.
template <class T, int width>
DEV void next_tile(const AttentionArgs& g, const AttentionMemory<T, width>& memory, const KeyBranch& branch,
                   int first, bool with_values) {
  using Memory = AttentionMemory<T, width>;
  __syncthreads();
  load_tokens<T, width, Memory::pitch>(g, memory.keys, packed_rows<T>(g, branch, false), Memory::tokens, first,
                                       branch.tokens);
  copy_commit();
  if (with_values)
    load_tokens<T, width, Memory::pitch>(g, memory.values, packed_rows<T>(g, branch, true), Memory::tokens,
                                         first, branch.tokens);
  copy_commit();
  copy_wait<1>();
  __syncthreads();
}

// The first branch: what is summed before a larger score comes shrinks with it, and all is scaled at the end.
template <class T, int width>
DEV void attend_first(const AttentionArgs& g, const AttentionMemory<T, width>& memory,
                      WarpAttention<T, width>& warp, const float (&gain)[2]) {
  const KeyBranch& branch = g.branch[0];
  const int last = seen_tokens(g, branch, static_cast<int>(blockIdx.x + 1) * queries_of_block - 1);
  const float one[2] = {1, 1};
  Softmax softmax;
  for (int first = 0; first < last; first += token_tile<width>) {
    next_tile(g, memory, branch, first, true);
    float shrink[2];
    warp.find_scores(memory.keys, first, last);
    warp.meet(softmax, shrink);
    warp.count_exponentials(softmax);
    warp.scale_out(shrink);
    copy_wait<0>();
    __syncthreads();
    warp.add_values(memory.values, one);
  }
  float by[2];
  softmax.weigh(gain, by);
  warp.scale_out(by);
}

// A further branch, on top of the result so far, which must not shrink: its sum of exponentials is found first. A branch of
// one tile, as image prompts are, keeps its scores between the two.
template <class T, int width>
DEV void attend_more(const AttentionArgs& g, const AttentionMemory<T, width>& memory,
                     WarpAttention<T, width>& warp, const KeyBranch& branch, const float (&gain)[2]) {
  const bool one_tile = branch.tokens <= token_tile<width>;
  Softmax softmax;
  float by[2];
  for (int first = 0; first < branch.tokens; first += token_tile<width>) {
    next_tile(g, memory, branch, first, one_tile);
    warp.find_scores(memory.keys, first, branch.tokens);
    warp.meet(softmax, by);
    warp.count_exponentials(softmax);
  }
  softmax.weigh(gain, by);
  for (int first = 0; first < branch.tokens; first += token_tile<width>) {
    if (!one_tile) {
      float sums[2];
      next_tile(g, memory, branch, first, true);
      warp.find_scores(memory.keys, first, branch.tokens);
      warp.exponentials(softmax, sums);
    }
    copy_wait<0>();
    __syncthreads();
    warp.add_values(memory.values, by);
  }
}

// A block: 64 queries of a head of an item, 16 a warp.
template <class T, int width>
KERNEL_FOR(attention_threads, width > 112 ? 2 : 3)
attention(const AttentionArgs g) {
  SHARED_BYTES(bytes);
  const AttentionMemory<T, width> memory(bytes);
  load_queries<T, width, AttentionMemory<T, width>::pitch>(g, memory.queries, queries_of_block,
                                                           static_cast<int>(blockIdx.x) * queries_of_block);
  __syncthreads();
  WarpAttention<T, width> warp(g, memory.queries);
  for (int b = 0; b < g.branches; ++b) {
    const KeyBranch& branch = g.branch[b];
    float gain[2];
#pragma unroll
    for (int h = 0; h < 2; ++h)
      gain[h] = warp.first_query + h * 8 < g.queries ? branch_gain(branch, warp.first_query + h * 8) : 0.0f;
    // The whole block goes on, or leaves the branch out.
    if (!__syncthreads_or(gain[0] != 0 || gain[1] != 0)) continue;
    if (b == 0)
      attend_first(g, memory, warp, gain);
    else
      attend_more(g, memory, warp, branch, gain);
  }
  warp.store_out();
}

template <class T, int width>
LaunchResult launch_width(const AttentionArgs& g, Stream stream) {
  constexpr int bytes = AttentionMemory<T, width>::bytes;
  const auto kernel = attention<T, width>;
  if (const LaunchResult failed = ALLOW_SHARED(kernel, bytes)) return failed;
  const dim3 grid(static_cast<unsigned>((g.queries + queries_of_block - 1) / queries_of_block),
                  static_cast<unsigned>(g.heads), static_cast<unsigned>(g.items));
  LAUNCH(kernel, grid, dim3(attention_threads), bytes, stream, g);
  return LAST_LAUNCH();
}

template <class T>
LaunchResult launch_attention_of(const AttentionArgs& g, Stream stream) {
  if (g.padded_head <= 32) return launch_width<T, 32>(g, stream);
  if (g.padded_head <= 48) return launch_width<T, 48>(g, stream);
  if (g.padded_head <= 64) return launch_width<T, 64>(g, stream);
  if (g.padded_head <= 80) return launch_width<T, 80>(g, stream);
  if (g.padded_head <= 112) return launch_width<T, 112>(g, stream);
  if (g.padded_head <= 160) return launch_width<T, 160>(g, stream);
  return launch_wide_attention(g, stream);
}

}  // namespace

LaunchResult launch_attention(const AttentionArgs& g, Stream stream) {
  switch (g.compute) {
    case Element::f16: return launch_attention_of<Half>(g, stream);
    case Element::bf16: return launch_attention_of<BFloat>(g, stream);
    case Element::f32: return launch_plain_attention(g, stream);
    default: break;
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace ipa::gpu
