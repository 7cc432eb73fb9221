#include "cuda/backend/attention_arguments.h"

#include <cmath>

#include "cuda/backend/gpu_launches.h"

namespace ipa::gpu {
namespace {

KeyBranch branch_of(const LaunchBuilder& builder, const Step& step, size_t part, size_t scale) {
  KeyBranch branch;
  branch.kv = builder.address(step.inputs[part]);
  branch.tokens = static_cast<int32_t>(step.input_shapes[part].rows_per_item());
  if (scale) {
    const Shape& shape = step.input_shapes[scale];
    branch.scale = static_cast<const float*>(builder.address(step.inputs[scale]));
    branch.scale_item = shape.n > 1 ? shape.rows_per_item() : 0;
    branch.scale_query = shape.rows_per_item() > 1 ? 1 : 0;
  }
  return branch;
}

// The attention's own keys and values, whose scale may come last, then each scaled branch's.
Status set_branches(const LaunchBuilder& builder, const Step& step, AttentionArgs& g) {
  const std::vector<size_t> parts = attention_parts(step.inputs.size());
  if (parts.size() > static_cast<size_t>(most_branches))
    return Status(Code::unsupported, "an attention of more than " + std::to_string(most_branches) +
                                         " sets of keys and values on a GPU");
  const size_t last = step.inputs.size() - 1;
  for (const size_t part : parts) {
    const size_t scale = part > 1 ? part + 1 : last % 2 == 0 ? last : 0;
    if (scale && step.input_storages[scale] != Storage::f32)
      return Status(Code::internal, "the scales of an attention are not in f32");
    g.branch[g.branches++] = branch_of(builder, step, part, scale);
  }
  return {};
}

}  // namespace

Status attention_arguments(const LaunchBuilder& builder, const Step& step, AttentionArgs& arguments) {
  const KeyValueShape& kv = step.node->kv;
  AttentionArgs g;
  g.q = builder.input(step, 0);
  g.items = static_cast<int32_t>(step.input_shapes[0].n);
  g.queries = static_cast<int32_t>(step.out_shape.rows_per_item());
  g.heads = kv.heads;
  g.head_size = kv.head_size;
  g.padded_head = padded_head(kv.head_size);
  g.causal = step.node->causal;
  g.scale = 1.0f / std::sqrt(static_cast<float>(kv.head_size));
  g.compute = element_of(kv.compute);
  IPA_TRY(set_branches(builder, step, g));
  arguments = g;
  return {};
}

}  // namespace ipa::gpu
