// Elementwise ops as launches.
#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"

namespace ipa {
namespace {

RowsArgs rows_arguments(LaunchBuilder& builder, const Step& step) {
  RowsArgs g;
  g.a = builder.at(step.inputs[0]);
  g.a_stride = step.inputs[0].row_stride;
  g.out = builder.at(step.out);
  g.out_stride = step.out.row_stride;
  g.rows = step.out_shape.rows();
  g.channels = step.out_shape.c;
  g.activation = step.activation;
  g.block_rows = rows_per_task(g.rows, g.channels);
  return g;
}

void launch_activation(LaunchBuilder& builder, const Step& step) {
  const RowsArgs g = rows_arguments(builder, step);
  builder.push(g, builder.kernels().activate, ceil_div(g.rows, g.block_rows),
               static_cast<double>(step.out_shape.elements()) * 4);
}

void launch_add(LaunchBuilder& builder, const Step& step) {
  RowsArgs g = rows_arguments(builder, step);
  g.b = builder.at(step.inputs[1]);
  g.b_stride = step.inputs[1].row_stride;
  const Shape& b = step.input_shapes[1];
  if (!(b == step.out_shape)) {
    if (b.rows_per_item() == 1 && b.n == step.out_shape.n)
      g.b_divide = step.out_shape.rows_per_item();
    else
      g.b_period = b.rows();
  }
  builder.push(g, builder.kernels().add, ceil_div(g.rows, g.block_rows),
               static_cast<double>(step.out_shape.elements()));
}

}  // namespace

const OpLaunch activation_launch = {launch_activation, nullptr, nullptr};
const OpLaunch add_launch = {launch_add, nullptr, nullptr};

}  // namespace ipa
