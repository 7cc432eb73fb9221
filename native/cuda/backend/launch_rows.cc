// Elementwise ops as launches.
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

ElementwiseArgs elementwise_arguments(const LaunchBuilder& builder, const Step& step) {
  ElementwiseArgs g;
  g.a = builder.input(step, 0);
  g.out = builder.out(step);
  g.rows = step.out_shape.rows();
  g.channels = static_cast<int32_t>(step.out_shape.c);
  g.activation = step.activation;
  return g;
}

Status launch_activation(LaunchBuilder& builder, const Step& step) {
  builder.push(Kernel::elementwise, elementwise_arguments(builder, step));
  return {};
}

Status launch_add(LaunchBuilder& builder, const Step& step) {
  ElementwiseArgs g = elementwise_arguments(builder, step);
  g.b = builder.input(step, 1);
  const Shape& b = step.input_shapes[1];
  if (!(b == step.out_shape)) {
    if (b.rows_per_item() == 1 && b.n == step.out_shape.n)
      g.b_divide = step.out_shape.rows_per_item();
    else
      g.b_period = b.rows();
  }
  builder.push(Kernel::elementwise, g);
  return {};
}

}  // namespace

const OpLaunch activation_launch = {launch_activation, nullptr};
const OpLaunch add_launch = {launch_add, nullptr};

}  // namespace ipa::gpu
