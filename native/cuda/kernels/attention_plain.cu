// Attention in f32 without tensor cores, of any head size up to 512: for what must not be rounded to 16 bits.
#include "cuda/kernels/attention_tile.cuh"
#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {
namespace {

// A warp has one query of a head. A lane has one token of 32 while scores are found, and every 32nd column of the values.
constexpr int plain_warps = 4, widest_head = 512, columns_of_lane = widest_head / 32;

struct PlainQuery {
  const AttentionArgs& g;
  const float* query;  // in shared memory
  int lane, index;
  float out[columns_of_lane] = {};

  // -infinity for what the query does not see.
  DEV float score_of(const float* key, bool seen) const {
    if (!seen) return -INFINITY;
    float sum = 0;
    for (int c = 0; c < g.head_size; ++c) sum = fmaf(query[c], key[c], sum);
    return sum * g.scale;
  }

  DEV void attend(const KeyBranch& branch, float gain) {
    const float* keys = packed_rows<float>(g, branch, false);
    const float* values = packed_rows<float>(g, branch, true);
    const int64_t row = int64_t{g.heads} * g.padded_head;
    const int last = seen_tokens(g, branch, index);
    float most = -INFINITY, sum = 0, own[columns_of_lane] = {};
    for (int first = 0; first < last; first += 32) {
      const int token = first + lane;
      const float score = score_of(keys + token * row, token < last);
      const float top = fmaxf(most, warp_max(score)), shrink = expf(most - top);
      const float exponential = expf(score - top);
      sum = sum * shrink + warp_sum(exponential);
      most = top;
#pragma unroll
      for (int i = 0; i < columns_of_lane; ++i) own[i] *= shrink;
      for (int t = 0; t < min(32, last - first); ++t) {
        const float weight = __shfl_sync(0xffffffffu, exponential, t);
        const float* value = values + (first + t) * row;
#pragma unroll
        for (int i = 0; i < columns_of_lane; ++i)
          if (lane + i * 32 < g.head_size) own[i] = fmaf(weight, value[lane + i * 32], own[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < columns_of_lane; ++i) out[i] += gain / sum * own[i];
  }
};

KERNEL_FOR(plain_warps * 32, 4) plain_attention(const AttentionArgs g) {
  SHARED_BYTES(bytes);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int index = static_cast<int>(blockIdx.x) * plain_warps + warp;
  if (index >= g.queries) return;
  float* query = reinterpret_cast<float*>(bytes) + warp * widest_head;
  const int64_t row = int64_t{blockIdx.z} * g.queries + index, column = int64_t{blockIdx.y} * g.head_size;
  for (int c = lane; c < g.head_size; c += 32) query[c] = load_one(g.q, row * g.q.stride + column + c);
  __syncwarp();
  PlainQuery of = {g, query, lane, index};
  for (int b = 0; b < g.branches; ++b) {
    const float gain = branch_gain(g.branch[b], index);
    if (gain != 0) of.attend(g.branch[b], gain);
  }
  with_type(g.out.element, [&](auto kind) {
    using Out = decltype(kind);
#pragma unroll
    for (int i = 0; i < columns_of_lane; ++i)
      if (lane + i * 32 < g.head_size)
        static_cast<Out*>(g.out.data)[row * g.out.stride + column + lane + i * 32] = from_float<Out>(of.out[i]);
  });
}

}  // namespace

LaunchResult launch_plain_attention(const AttentionArgs& g, Stream stream) {
  if (g.head_size > widest_head) return LAUNCH_UNKNOWN;
  const dim3 grid(static_cast<unsigned>((g.queries + plain_warps - 1) / plain_warps),
                  static_cast<unsigned>(g.heads), static_cast<unsigned>(g.items));
  LAUNCH(plain_attention, grid, dim3(plain_warps * 32),
         plain_warps * widest_head * static_cast<int>(sizeof(float)), stream, g);
  return LAST_LAUNCH();
}

}  // namespace ipa::gpu
