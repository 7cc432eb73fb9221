// Packed keys and values, and attention, as launches.
#include <cmath>

#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"

namespace ipa {
namespace {

void launch_pack_kv(LaunchBuilder& builder, const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  PackKvArgs g;
  g.k = builder.at(step.inputs[0]);
  g.k_stride = step.inputs[0].row_stride;
  g.v = builder.at(step.inputs[1]);
  g.v_stride = step.inputs[1].row_stride;
  g.bf16 = step.input_storages[0] == Storage::bf16;
  g.layout = builder.kernels().kv_layout(kv.tokens, kv.head_size);
  g.batch = kv.batch;
  g.heads = kv.heads;
  g.out = builder.at(step.out);
  builder.push(g, builder.kernels().of(kv.compute).pack_kv, kv.batch * kv.heads,
               static_cast<double>(2 * step.out_shape.elements()));
}

// The text's keys and values, whose scale may come last, then each scaled branch's.
std::vector<AttentionBranch> attention_branches(LaunchBuilder& builder, const Step& step) {
  std::vector<AttentionBranch> branches;
  auto add = [&](size_t input, size_t scale) {
    AttentionBranch branch;
    branch.kv = builder.at(step.inputs[input]);
    if (scale) {
      const Shape& shape = step.input_shapes[scale];
      branch.scale = builder.at(step.inputs[scale]);
      branch.scale_stride = shape.n > 1 ? shape.rows_per_item() : 0;
      branch.row_stride = shape.rows_per_item() > 1 ? 1 : 0;
    }
    branch.layout =
        builder.kernels().kv_layout(step.input_shapes[input].rows_per_item(), step.node->kv.head_size);
    branches.push_back(branch);
  };
  const size_t last = step.inputs.size() - 1;
  for (const size_t part : attention_parts(step.inputs.size()))
    add(part, part > 1 ? part + 1 : last % 2 == 0 ? last : 0);
  return branches;
}

// All but the output.
AttentionArgs attention_arguments(LaunchBuilder& builder, const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  auto& branches = builder.memory().branches;
  branches.push_back(attention_branches(builder, step));
  AttentionArgs g;
  g.q = builder.at(step.inputs[0]);
  g.q_stride = step.inputs[0].row_stride;
  g.q_bf16 = step.input_storages[0] == Storage::bf16;
  g.batch = step.input_shapes[0].n;
  g.queries = step.out_shape.rows_per_item();
  g.heads = kv.heads;
  g.head_size = kv.head_size;
  g.causal = step.node->causal;
  g.scale = 1.0f / std::sqrt(static_cast<float>(kv.head_size));
  g.branches = branches.back().data();
  g.branch_count = static_cast<int>(branches.back().size());
  g.query_block = attention_query_block;
  g.query_blocks = ceil_div(g.queries, g.query_block);
  g.key_block = attention_key_block;
  return g;
}

void launch_attention(LaunchBuilder& builder, const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  AttentionArgs g = attention_arguments(builder, step);
  g.out = builder.at(step.out);
  g.out_stride = step.out.row_stride;
  g.out_bf16 = step.out_storage == Storage::bf16;
  const double work =
      static_cast<double>(g.batch * g.heads * g.queries) * static_cast<double>(kv.tokens * kv.head_size) / 2;
  builder.push(g, builder.kernels().of(kv.compute).attention, g.batch * g.heads * g.query_blocks, work);
}

// Floats of so many, in whole vectors of any instruction set.
int64_t in_vectors(int64_t floats) {
  constexpr int64_t widest_vector = 16;
  return ceil_div(floats, widest_vector) * widest_vector;
}

int64_t attention_scratch(const Step& step) {
  return attention_query_block * (attention_key_block + 2 * in_vectors(step.node->kv.head_size));
}

int sources_of(const std::vector<TokenSpan>& spans) { return spans.empty() ? 0 : spans.back().source + 1; }

void launch_attention_map(LaunchBuilder& builder, const Step& step) {
  AttentionMapArgs g;
  g.attention = attention_arguments(builder, step);
  for (int i = 0; i < g.attention.branch_count; ++i)
    g.padded_tokens += g.attention.branches[i].layout.padded_tokens;
  g.out = builder.at(step.out);
  g.columns = step.out_shape.c;
  const std::vector<TokenSpan>& spans = step.node->spans;
  g.spans = spans.data();
  g.span_count = static_cast<int>(spans.size());
  g.sources = sources_of(spans);
  const double work = static_cast<double>(g.attention.queries * g.padded_tokens) *
                      static_cast<double>(g.attention.heads * g.attention.head_size) / 2;
  builder.push(g, builder.kernels().of(Compute::f32).attention_map, g.attention.query_blocks, work);
}

// Of shapes alone: the step has no places yet when its memory is laid out.
int64_t attention_map_scratch(const Step& step) {
  int64_t tokens = 0;
  for (const size_t part : attention_parts(step.input_shapes.size()))
    tokens += in_vectors(step.input_shapes[part].rows_per_item());
  const int64_t each = tokens + 2 * in_vectors(step.node->kv.head_size) + sources_of(step.node->spans);
  return attention_query_block * each;
}

}  // namespace

const OpLaunch pack_kv_launch = {launch_pack_kv, nullptr, nullptr};
const OpLaunch attention_launch = {launch_attention, nullptr, attention_scratch};
const OpLaunch attention_map_launch = {launch_attention_map, nullptr, attention_map_scratch};

}  // namespace ipa
