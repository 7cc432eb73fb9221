// Group and layer norms as launches.
#include <algorithm>
#include <cmath>

#include "base/bfloat16.h"
#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"

namespace ipa {
namespace {

constexpr int64_t group_norm_block = 128;  // rows summed in f32 before the blocks meet in f64

float element(const GroupNormArgs& g, int64_t index) {
  return g.x_bf16 ? to_float(reinterpret_cast<const BFloat16*>(g.x)[index]) : g.x[index];
}

// Meets the blocks' sums of one group of one item in f64 (Chan et al.:
// the cells' own deviations, and the cells' means about the common one; a cell is one channel of one block).
// Leaves the mean and, a channel each, a factor and an offset.
void group_norm_finish(const GroupNormArgs& g, int64_t task, float*) {
  const int64_t item = task / g.groups, per_group = g.channels / g.groups;
  const int64_t first = task % g.groups * per_group, last = first + per_group;
  auto each_cell = [&](auto visit) {
    for (int64_t b = 0; b < g.blocks; ++b) {
      const int64_t origin = (item * g.rows + b * g.block_rows) * g.x_stride;
      const float* sums = g.partial + (item * g.blocks + b) * 2 * g.channels;
      const auto rows = static_cast<double>(std::min(g.block_rows, g.rows - b * g.block_rows));
      const double inverse = 1.0 / rows;
      for (int64_t c = first; c < last; ++c) {
        const auto sum = static_cast<double>(sums[c]);
        const double mean = sum * inverse;  // about the origin
        visit(rows, static_cast<double>(element(g, origin + c)) + mean,
              static_cast<double>(sums[g.channels + c]) - sum * mean);
      }
    }
  };
  const double count = static_cast<double>(g.rows) * static_cast<double>(per_group);
  double mean = 0, deviation = 0;
  each_cell([&](double rows, double own, double) { mean += rows * own; });
  mean /= count;
  each_cell([&](double rows, double own, double about_own) {
    deviation += std::max(0.0, about_own) + rows * (own - mean) * (own - mean);
  });
  const double scale = 1.0 / std::sqrt(deviation / count + static_cast<double>(g.epsilon));
  const auto rounded = static_cast<float>(mean);
  float* means = g.affine + item * 3 * g.channels;
  for (int64_t c = first; c < last; ++c) {
    const double factor = scale * static_cast<double>(g.gamma[c]);
    means[c] = rounded;
    means[g.channels + c] = static_cast<float>(factor);
    means[2 * g.channels + c] =
        static_cast<float>(static_cast<double>(g.beta[c]) - (mean - static_cast<double>(rounded)) * factor);
  }
}

GroupNormArgs group_norm_arguments(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  GroupNormArgs g;
  g.x = builder.at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.out = builder.at(step.out);
  g.out_stride = step.out.row_stride;
  g.x_bf16 = step.input_storages[0] == Storage::bf16;
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.items = in.n;
  g.rows = in.rows_per_item();
  g.channels = in.c;
  g.groups = step.node->groups;
  g.epsilon = step.node->epsilon;
  g.activation = step.activation;
  g.block_rows = group_norm_block;
  g.blocks = ceil_div(g.rows, g.block_rows);
  return g;
}

void launch_group_norm(LaunchBuilder& builder, const Step& step) {
  GroupNormArgs g = group_norm_arguments(builder, step);
  const auto elements = static_cast<double>(step.input_shapes[0].elements());
  if (step.node->op == Op::norm_apply) {
    g.affine = builder.at(step.inputs[1]);
  } else {
    g.gamma = weights(step, 0);
    g.beta = weights(step, 1);
    g.partial = reinterpret_cast<float*>(builder.shared_scratch(step));
    g.affine = step.node->op == Op::norm_statistics ? builder.at(step.out)
                                                    : g.partial + g.items * g.blocks * 2 * g.channels;
    builder.push(g, builder.kernels().group_norm_sums, g.items * g.blocks, elements);
    builder.push(g, &group_norm_finish, g.items * g.groups,
                 static_cast<double>(g.items * g.blocks * g.channels * 4));
  }
  if (step.node->op == Op::norm_statistics) return;
  builder.push(g, builder.kernels().group_norm_apply, g.items * g.blocks, elements * 2);
}

int64_t group_norm_scratch(const Step& step) {
  if (step.node->op == Op::norm_apply) return 0;
  const Shape& in = step.input_shapes[0];
  const int64_t floats = in.n * (ceil_div(in.rows_per_item(), group_norm_block) * 2 + 3) * in.c;
  return ceil_div(floats, 16) * 16;
}

void launch_layer_norm(LaunchBuilder& builder, const Step& step) {
  const Shape& in = step.input_shapes[0];
  LayerNormArgs g;
  g.x = builder.at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.out = builder.at(step.out);
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.gamma = weights(step, 0);
  g.beta = weights(step, 1);
  g.rows = in.rows();
  g.channels = in.c;
  g.epsilon = step.node->epsilon;
  g.block_rows = rows_per_task(g.rows, g.channels);
  builder.push(g, builder.kernels().layer_norm, ceil_div(g.rows, g.block_rows),
               static_cast<double>(in.elements()));
}

}  // namespace

const OpLaunch group_norm_launch = {launch_group_norm, group_norm_scratch, nullptr};
const OpLaunch layer_norm_launch = {launch_layer_norm, nullptr, nullptr};

}  // namespace ipa
