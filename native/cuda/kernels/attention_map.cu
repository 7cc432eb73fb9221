// Where an attention looks, and how much its tokens add: see Graph::attention_map. A query a warp, one head after another;
// the scores are made again wherever they are needed, so that no number of tokens is too large.
#include <cmath>

#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {
namespace {

constexpr int map_threads = 128, map_warps = map_threads / 32;
constexpr int widest_head = 512;
constexpr int turns = 4;  // channels of a lane at a time

// One branch as a query of the last item sees it.
template <class T>
struct BranchView {
  const T *keys, *values;  // of the head's first token
  int64_t stride;          // from one token to the next
  int tokens;

  DEV BranchView(const AttentionArgs& g, int branch, int head) {
    tokens = g.branch[branch].tokens;
    stride = int64_t{g.heads} * g.padded_head;
    const int64_t half = tokens * stride;
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
  float sum = 0;
#pragma unroll 1
  for (int d = 0; d < g.padded_head; d += row_pack) {
    float k[row_pack], v[row_pack];
    load<row_pack>(key + d, k);
    load<row_pack>(q + d, v);
#pragma unroll
    for (int i = 0; i < row_pack; ++i) sum = fmaf(k[i], v[i], sum);
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
    const float s = score(g, q, view.keys + t * view.stride);
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
  float q[widest_head];
  float squares[most_spans];       // of what each source adds, over all heads
  Softmax softmax[most_branches];  // of this head
};

// The probabilities of one branch, into its columns.
template <class T>
DEV void look(const AttentionMapArgs& m, const BranchView<T>& view, const float* q, const Softmax& softmax,
              int head, float* out) {
  const float share = 1.0f / static_cast<float>(m.attention.heads), factor = 1.0f / softmax.total;
  for (int t = threadIdx.x % 32; t < view.tokens; t += 32) {
    const float p = expf(score(m.attention, q, view.keys + t * view.stride) - softmax.most) * factor;
    out[t] = fmaf(share, p, head ? out[t] : 0.0f);
  }
}

// What a span's tokens add to the result, times `scale`: of the channels `channel`, `channel` + 32 and so on.
template <class T>
DEV void add_span(const AttentionArgs& g, const TokenSpan& span, const BranchView<T>& view, MapWarp& warp,
                  float scale, int channel, float (&added)[turns]) {
  const int lane = threadIdx.x % 32;
  const float most = warp.softmax[span.part].most, factor = scale / warp.softmax[span.part].total;
  const int64_t end = span.first + span.count;
  for (int64_t first = span.first; first < end; first += 32) {
    float p = 0;
    if (first + lane < end)
      p = expf(score(g, warp.q, view.keys + (first + lane) * view.stride) - most) * factor;
    const int count = static_cast<int>(end - first < 32 ? end - first : 32);
#pragma unroll 1
    for (int j = 0; j < count; ++j) {
      const float pj = __shfl_sync(0xffffffffu, p, j);
      const T* value = view.values + (first + j) * view.stride + channel;
#pragma unroll
      for (int i = 0; i < turns; ++i)
        if (channel + i * 32 < g.head_size) added[i] = fmaf(pj, to_float(value[i * 32]), added[i]);
    }
  }
}

// Squares of what the spans [first, last), all of one source, add by one head.
template <class T>
DEV float weigh(const AttentionMapArgs& m, MapWarp& warp, int query, int head, int first, int last) {
  float sum = 0;
  const int lane = threadIdx.x % 32;
  for (int channel = 0; channel < m.attention.head_size; channel += 32 * turns) {
    float added[turns] = {};
    for (int s = first; s < last; ++s) {
      const int part = m.spans[s].part;
      const float scale = scale_of(m.attention, part, query);
      if (scale == 0) continue;
      add_span<T>(m.attention, m.spans[s], BranchView<T>(m.attention, part, head), warp, scale, channel + lane,
                  added);
    }
#pragma unroll
    for (int i = 0; i < turns; ++i) sum = fmaf(added[i], added[i], sum);
  }
  return warp_sum(sum);
}

template <class T>
DEV void weigh_sources(const AttentionMapArgs& m, MapWarp& warp, int query, int head) {
  for (int first = 0, last = 0, source = 0; source < m.sources; ++source, first = last) {
    while (last < m.span_count && m.spans[last].source == source) ++last;
    const float sum = weigh<T>(m, warp, query, head, first, last);
    if (threadIdx.x % 32 == 0) warp.squares[source] = head ? warp.squares[source] + sum : sum;
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
  for (int head = 0; head < g.heads; ++head) {
    fetch_query(g, warp.q, query, head);
    for (int b = 0; b < g.branches; ++b) {
      const Softmax softmax = softmax_of(g, BranchView<T>(g, b, head), warp.q);
      if (lane == 0) warp.softmax[b] = softmax;
    }
    __syncwarp();
    weigh_sources<T>(m, warp, query, head);
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
    case Element::i8:
    case Element::i32: break;
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace ipa::gpu
