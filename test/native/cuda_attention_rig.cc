#include "cuda_attention_rig.h"

#include <cmath>

namespace ipa_test {

using ipa::gpu::AttentionArgs;
using ipa::gpu::Element;
using ipa_ref::Tensor;

AttentionArgs attention_arguments(const AttentionSize& size, const ipa::gpu::Rows& q, Element compute) {
  AttentionArgs g;
  g.q = q;
  g.items = static_cast<int32_t>(size.items);
  g.queries = static_cast<int32_t>(size.queries);
  g.heads = size.heads;
  g.head_size = size.head_size;
  g.padded_head = (size.head_size + 7) / 8 * 8;
  g.scale = 1.0f / std::sqrt(static_cast<float>(size.head_size));
  g.compute = compute;
  return g;
}

ipa_ref::Keys add_branch(CudaRig& rig, AttentionArgs& attention, int64_t tokens, const Tensor& scales) {
  const ipa::Shape shape = {attention.items, 1, tokens, int64_t{attention.heads} * attention.head_size};
  const DeviceRows k(rig, rig.random(shape, -2, 2), {attention.compute, 0, 0});
  const DeviceRows v(rig, rig.random(shape), {attention.compute, 0, 0});
  ipa::gpu::PackKvArgs pack;
  pack.k = k.rows();
  pack.v = v.rows();
  pack.items = attention.items;
  pack.tokens = static_cast<int32_t>(tokens);
  pack.heads = attention.heads;
  pack.head_size = attention.head_size;
  pack.padded_head = attention.padded_head;
  pack.compute = attention.compute;
  pack.out = rig.take(2 * attention.items * tokens * attention.heads * attention.padded_head *
                      element_size(attention.compute));
  rig.launch(ipa::gpu::Kernel::pack_kv, pack);
  ipa::gpu::KeyBranch branch;
  branch.kv = pack.out;
  branch.scale = rig.floats(scales.values);
  branch.scale_item = scales.shape.rows_per_item();
  branch.scale_query = 1;
  branch.tokens = static_cast<int32_t>(tokens);
  attention.branch[attention.branches++] = branch;
  return {k.values(), v.values(), scales.values};
}

}  // namespace ipa_test
