// Group and layer norms as launches.
#include <algorithm>

#include "base/ceil_div.h"
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

// Rows that are summed before the blocks meet, of one item's: a block is 32 rows or more, and there are not too many.
// Of the item's size alone, so that an item's bits do not depend on the others.
int64_t block_rows_of(const Shape& in) {
  const int64_t rows = in.rows_per_item(), blocks = std::clamp<int64_t>(rows / 32, 1, 512);
  return ceil_div(rows, blocks);
}

int64_t partial_floats(const Shape& in) {
  return in.n * ceil_div(in.rows_per_item(), block_rows_of(in)) * 2 * in.c;
}

GroupNormArgs group_norm_arguments(const LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  GroupNormArgs g;
  g.x = builder.input(step, 0);
  g.items = static_cast<int32_t>(in.n);
  g.channels = static_cast<int32_t>(in.c);
  g.groups = step.node->groups;
  g.rows = in.rows_per_item();
  g.block_rows = static_cast<int32_t>(block_rows_of(in));
  g.blocks = static_cast<int32_t>(ceil_div(g.rows, g.block_rows));
  g.epsilon = step.node->epsilon;
  g.activation = step.activation;
  return g;
}

Status launch_group_norm(LaunchBuilder& builder, const Step& step) {
  GroupNormArgs g = group_norm_arguments(builder, step);
  const bool own = step.node->op != Op::norm_apply, kept = step.node->op == Op::norm_statistics;
  if (own) {
    g.gamma = static_cast<const float*>(parameter(step, 0));
    g.beta = static_cast<const float*>(parameter(step, 1));
    g.partial = reinterpret_cast<float*>(builder.scratch(step));
    g.affine = kept ? static_cast<float*>(builder.address(step.out))
                    : g.partial + partial_floats(step.input_shapes[0]);
    builder.push(Kernel::norm_sums, g);
    builder.push(Kernel::norm_finish, g);
  } else {
    g.affine = static_cast<float*>(builder.address(step.inputs[1]));
  }
  if (kept) return {};
  g.out = builder.out(step);
  builder.push(Kernel::norm_apply, g);
  return {};
}

int64_t group_norm_scratch(const Step& step) {
  const Shape& in = step.input_shapes[0];
  const int64_t affine = step.node->op == Op::group_norm ? in.n * 3 * in.c : 0;
  if (step.node->op == Op::norm_apply) return 0;
  return (partial_floats(in) + affine) * static_cast<int64_t>(sizeof(float));
}

Status launch_layer_norm(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  LayerNormArgs g;
  g.x = builder.input(step, 0);
  g.out = builder.out(step);
  g.gamma = static_cast<const float*>(parameter(step, 0));
  g.beta = static_cast<const float*>(parameter(step, 1));
  g.rows = in.rows();
  g.channels = static_cast<int32_t>(in.c);
  g.epsilon = step.node->epsilon;
  builder.push(Kernel::layer_norm, g);
  return {};
}

}  // namespace

const OpLaunch group_norm_launch = {launch_group_norm, group_norm_scratch};
const OpLaunch layer_norm_launch = {launch_layer_norm, nullptr};

}  // namespace ipa::gpu
