// Where an attention looks, and how much its tokens add: see Graph::attention_map. A query a warp, one head after another;
// the scores are made again wherever they are needed, so that no number of tokens is too large.
#include <cmath>

#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {
namespace {

constexpr int map_threads = 64, map_warps = map_threads / 32;
constexpr int widest_head = 512;

// One branch as a query of the last item sees it.
template <class T>
struct BranchView {
  const T *keys, *values;  // of the head's first token
  int stride;              // from one token to the next
  int tokens;

  DEV BranchView(const AttentionArgs& g, int branch, int head) {
    tokens = g.branch[branch].tokens;
    stride = g.heads * g.padded_head;
    const int64_t half = int64_t{tokens} * stride;
    keys =
        static_cast<const T*>(g.branch[branch].kv) + (g.items - 1) * 2 * half + int64_t{head} * g.padded_head;
    values = keys + half;
  }
};

DEV float scale_of(const AttentionArgs& g, int branch, int query) {
  const KeyBranch& b = g.branch[branch];
  return b.scale ? b.scale[(g.items - 1) * b.scale_item + query * b.scale_query] : 1.0f;
}

// Of one key, scaled. q: in shared memory, padded with zeros.
template <class T>
DEV float score(const AttentionArgs& g, const float* q, const T* key) {
  constexpr int width = 16 / sizeof(T);
  float sum = 0;
#pragma unroll 1
  for (int d = 0; d < g.padded_head; d += width) {
    float k[width], v[width];
    load<width>(key + d, k);
    load<width>(q + d, v);
#pragma unroll
    for (int i = 0; i < width; ++i) sum = fmaf(k[i], v[i], sum);
  }
  return sum * g.scale;
}

struct Softmax {
  float most, total;
};

// Over all tokens of a branch.
template <class T>
DEV Softmax softmax_of(const AttentionArgs& g, const BranchView<T>& view, const float* q) {
  const int lane = threadIdx.x % 32;
  float most = -INFINITY, total = 0;
  for (int t = lane; t < view.tokens; t += 32) {
    const float s = score(g, q, view.keys + int64_t{t} * view.stride);
    const float larger = fmaxf(most, s);
    total = total * expf(most - larger) + expf(s - larger);
    most = larger;
  }
  const float all = warp_max(most);
  total = most > -INFINITY ? total * expf(most - all) : 0.0f;
  return {all, warp_sum(total)};
}

// A warp's part of shared memory.
struct MapWarp {
  float q[widest_head], added[widest_head];
  float squares[most_spans];       // of what each source adds, over all heads
  float weights[32];               // of tokens
  Softmax softmax[most_branches];  // of this head
};

// The probabilities of one branch, into its columns.
template <class T>
DEV void look(const AttentionMapArgs& m, const BranchView<T>& view, const float* q, const Softmax& softmax,
              int head, float* out) {
  const float share = 1.0f / static_cast<float>(m.attention.heads), factor = 1.0f / softmax.total;
  for (int t = threadIdx.x % 32; t < view.tokens; t += 32) {
    const float p = expf(score(m.attention, q, view.keys + int64_t{t} * view.stride) - softmax.most) * factor;
    out[t] = fmaf(share, p, head ? out[t] : 0.0f);
  }
}

// What a span's tokens add to the result, times `scale`, on top of what is in `added`. Each lane has channels of its own.
template <class T>
DEV void add_span(const AttentionArgs& g, const TokenSpan& span, const BranchView<T>& view, MapWarp& warp,
                  float scale) {
  const int lane = threadIdx.x % 32;
  const int end = static_cast<int>(span.first + span.count);
  for (int first = static_cast<int>(span.first); first < end; first += 32) {
    float p = 0;
    if (first + lane < end) {
      const Softmax softmax = warp.softmax[span.part];
      p = expf(score(g, warp.q, view.keys + int64_t{first + lane} * view.stride) - softmax.most) /
          softmax.total;
    }
    __syncwarp();
    warp.weights[lane] = p * scale;
    __syncwarp();
    const int count = end - first < 32 ? end - first : 32;
    for (int c = lane; c < g.head_size; c += 32) {
      const T* value = view.values + int64_t{first} * view.stride + c;
      float sum = warp.added[c];
      for (int j = 0; j < count; ++j, value += view.stride) sum = fmaf(warp.weights[j], to_float(*value), sum);
      warp.added[c] = sum;
    }
  }
}

// Squares of what every source adds by one head. Spans of one source follow one another.
template <class T>
DEV void weigh(const AttentionMapArgs& m, MapWarp& warp, int query, int head) {
  const int lane = threadIdx.x % 32;
  for (int c = lane; c < m.attention.head_size; c += 32) warp.added[c] = 0;
  for (int s = 0; s < m.span_count; ++s) {
    const int part = m.spans[s].part, source = m.spans[s].source;
    const float scale = scale_of(m.attention, part, query);
    if (scale != 0) add_span<T>(m.attention, m.spans[s], BranchView<T>(m.attention, part, head), warp, scale);
    if (s + 1 < m.span_count && m.spans[s + 1].source == source) continue;
    float sum = 0;
    for (int c = lane; c < m.attention.head_size; c += 32) {
      sum = fmaf(warp.added[c], warp.added[c], sum);
      warp.added[c] = 0;
    }
    sum = warp_sum(sum);
    if (lane == 0) warp.squares[source] += sum;
  }
}

// A head's part of a query, as floats and padded with zeros.
DEV void fetch_query(const AttentionArgs& g, float* q, int query, int head) {
  const int64_t from = (int64_t{g.items - 1} * g.queries + query) * g.q.stride + int64_t{head} * g.head_size;
  __syncwarp();
  for (int d = threadIdx.x % 32; d < g.padded_head; d += 32)
    q[d] = d < g.head_size ? load_one(g.q, from + d) : 0.0f;
  __syncwarp();
}

// The probabilities of every part.
template <class T>
KERNEL_FOR(map_threads, 4)
map_probabilities(const AttentionMapArgs m) {
  SHARED_BYTES(memory);
  float* q = reinterpret_cast<MapWarp*>(memory)[threadIdx.x / 32].q;
  const AttentionArgs& g = m.attention;
  const int query = static_cast<int>(blockIdx.x * map_warps + threadIdx.x / 32);
  if (query >= g.queries) return;
  for (int head = 0; head < g.heads; ++head) {
    fetch_query(g, q, query, head);
    float* out = m.out + query * m.columns;
    for (int b = 0; b < g.branches; ++b) {
      const BranchView<T> view(g, b, head);
      look(m, view, q, softmax_of(g, view, q), head, out);
      out += view.tokens;
    }
  }
}

// What every source adds, beside source 0.
template <class T>
KERNEL_FOR(map_threads, 4)
map_shares(const AttentionMapArgs m) {
  SHARED_BYTES(memory);
  MapWarp& warp = reinterpret_cast<MapWarp*>(memory)[threadIdx.x / 32];
  const AttentionArgs& g = m.attention;
  const int query = static_cast<int>(blockIdx.x * map_warps + threadIdx.x / 32), lane = threadIdx.x % 32;
  if (query >= g.queries) return;
  for (int source = lane; source < m.sources; source += 32) warp.squares[source] = 0;
  for (int head = 0; head < g.heads; ++head) {
    fetch_query(g, warp.q, query, head);
    for (int b = 0; b < g.branches; ++b) {
      const Softmax softmax = softmax_of(g, BranchView<T>(g, b, head), warp.q);
      if (lane == 0) warp.softmax[b] = softmax;
    }
    __syncwarp();
    weigh<T>(m, warp, query, head);
  }
  __syncwarp();
  float* shares = m.out + (query + 1) * m.columns - m.sources;  // there is none of source 0
  for (int source = 1 + lane; source < m.sources; source += 32)
    shares[source] = warp.squares[0] > 0 ? sqrtf(warp.squares[source] / warp.squares[0]) : 0.0f;
}

}  // namespace

LaunchResult launch_attention_map(const AttentionMapArgs& m, Stream stream) {
  const AttentionArgs& g = m.attention;
  if (!is_float(g.q) || g.padded_head > widest_head || g.padded_head % row_pack || g.causal)
    return LAUNCH_UNKNOWN;
  const auto run = [&](auto probabilities, auto shares) {
    const int blocks = (g.queries + map_warps - 1) / map_warps;
    LAUNCH(probabilities, blocks, map_threads, map_warps * sizeof(MapWarp), stream, m);
    if (m.sources > 1) LAUNCH(shares, blocks, map_threads, map_warps * sizeof(MapWarp), stream, m);
    return LAST_LAUNCH();
  };
  switch (g.compute) {
    case Element::f16: return run(map_probabilities<Half>, map_shares<Half>);
    case Element::bf16: return run(map_probabilities<BFloat>, map_shares<BFloat>);
    case Element::f32: return run(map_probabilities<float>, map_shares<float>);
    default: break;
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace ipa::gpu
