// Ops that copy rows as launches.
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

CopyArgs copy_to(const LaunchBuilder& builder, const Step& step, CopyArgs::Kind kind) {
  CopyArgs g;
  g.kind = kind;
  g.out = builder.out(step);
  g.rows = step.out_shape.rows();
  g.channels = static_cast<int32_t>(step.out_shape.c);
  return g;
}

void from_input(const LaunchBuilder& builder, const Step& step, size_t index, CopyArgs& g) {
  g.from = builder.input(step, index);
  g.from_rows = step.input_shapes[index].rows();
}

// A table of the parameters, in binary16 where it is kept so.
void from_parameter(const Step& step, CopyArgs& g) {
  const Param& param = *step.node->params[0];
  g.from = {param.data.address(), g.channels, param.halves ? Element::f16 : Element::f32};
  g.from_rows = param.elements_each() / g.channels;
}

Status launch_param_rows(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::repeat);
  from_parameter(step, g);
  g.period = step.out_shape.rows_per_item();
  builder.push(Kernel::copy_rows, g);
  return {};
}

Status launch_gather_rows(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::gather);
  if (step.inputs.size() > 1)
    from_input(builder, step, 1, g);
  else
    from_parameter(step, g);
  g.ids = static_cast<const int32_t*>(builder.address(step.inputs[0]));
  builder.push(Kernel::copy_rows, g);
  return {};
}

Status launch_concat_channels(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::same);
  auto* out = static_cast<uint8_t*>(g.out.data);
  for (size_t i = 0; i < 2; ++i) {
    from_input(builder, step, i, g);
    g.channels = static_cast<int32_t>(step.input_shapes[i].c);
    g.out.data = out;
    builder.push(Kernel::copy_rows, g);
    out += int64_t{g.channels} * element_size(g.out.element);
  }
  return {};
}

Status launch_concat_tokens(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::tokens);
  g.out_tokens = step.out_shape.rows_per_item();
  for (size_t i = 0; i < 2; ++i) {
    from_input(builder, step, i, g);
    g.in_tokens = step.input_shapes[i].rows_per_item();
    g.rows = step.input_shapes[i].rows();
    builder.push(Kernel::copy_rows, g);
    g.offset += g.in_tokens;
  }
  return {};
}

Status launch_upsample(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::enlarge);
  from_input(builder, step, 0, g);
  g.in_h = static_cast<int32_t>(step.input_shapes[0].h);
  g.in_w = static_cast<int32_t>(step.input_shapes[0].w);
  g.out_h = static_cast<int32_t>(step.out_shape.h);
  g.out_w = static_cast<int32_t>(step.out_shape.w);
  builder.push(Kernel::copy_rows, g);
  return {};
}

}  // namespace

const OpLaunch param_rows_launch = {launch_param_rows, nullptr};
const OpLaunch gather_rows_launch = {launch_gather_rows, nullptr};
const OpLaunch concat_channels_launch = {launch_concat_channels, nullptr};
const OpLaunch concat_tokens_launch = {launch_concat_tokens, nullptr};
const OpLaunch upsample_launch = {launch_upsample, nullptr};

}  // namespace ipa::gpu
