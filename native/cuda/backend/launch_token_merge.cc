// Token merging as launches.
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

Status launch_token_map(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  TokenMapArgs g;
  g.x = builder.input(step, 0);
  g.items = static_cast<int32_t>(in.n);
  g.height = static_cast<int32_t>(in.h);
  g.width = static_cast<int32_t>(in.w);
  g.channels = static_cast<int32_t>(in.c);
  g.merged = static_cast<int32_t>(step.node->offset);
  g.ids = static_cast<int32_t*>(builder.address(step.out));
  g.likeness = reinterpret_cast<float*>(builder.scratch(step));
  g.best = reinterpret_cast<int32_t*>(g.likeness + in.rows());
  builder.push(Kernel::merge_best, g);
  builder.push(Kernel::merge_ids, g);
  return {};
}

int64_t token_map_scratch(const Step& step) {
  return step.input_shapes[0].rows() * static_cast<int64_t>(sizeof(float) + sizeof(int32_t));
}

Status launch_merge_rows(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  MergeRowsArgs g;
  g.x = builder.input(step, 0);
  g.out = builder.out(step);
  g.ids = static_cast<const int32_t*>(builder.address(step.inputs[1]));
  g.items = static_cast<int32_t>(in.n);
  g.tokens = static_cast<int32_t>(in.rows_per_item());
  g.left = static_cast<int32_t>(step.out_shape.rows_per_item());
  g.channels = static_cast<int32_t>(in.c);
  builder.push(Kernel::merge_rows, g);
  return {};
}

}  // namespace

const OpLaunch token_map_launch = {launch_token_map, token_map_scratch};
const OpLaunch merge_rows_launch = {launch_merge_rows, nullptr};

}  // namespace ipa::gpu
