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
  add(1, last % 2 == 0 ? last : 0);
  for (size_t i = 2; i + 1 < step.inputs.size(); i += 2) add(i, i + 1);
  return branches;
}

void launch_attention(LaunchBuilder& builder, const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  auto& branches = builder.memory().branches;
  branches.push_back(attention_branches(builder, step));
  AttentionArgs g;
  g.q = builder.at(step.inputs[0]);
  g.q_stride = step.inputs[0].row_stride;
  g.out = builder.at(step.out);
  g.out_stride = step.out.row_stride;
  g.q_bf16 = step.input_storages[0] == Storage::bf16;
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.batch = step.out_shape.n;
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
  const double work =
      static_cast<double>(g.batch * g.heads * g.queries) * static_cast<double>(kv.tokens * kv.head_size) / 2;
  builder.push(g, builder.kernels().of(kv.compute).attention, g.batch * g.heads * g.query_blocks, work);
}

int64_t attention_scratch(const Step& step) {
  constexpr int64_t widest_vector = 16;
  const int64_t padded = ceil_div(step.node->kv.head_size, widest_vector) * widest_vector;
  return attention_query_block * (attention_key_block + 2 * padded);
}

}  // namespace

const OpLaunch pack_kv_launch = {launch_pack_kv, nullptr, nullptr};
const OpLaunch attention_launch = {launch_attention, nullptr, attention_scratch};

}  // namespace ipa
