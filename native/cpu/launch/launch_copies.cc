// Ops that copy rows as launches.
#include "base/ceil_div.h"
#include "cpu/launch/launch.h"
#include "cpu/launch/launch_ops.h"

namespace ipa {
namespace {

CopyArgs copy_to(LaunchBuilder& builder, const Step& step, CopyArgs::Kind kind) {
  CopyArgs g;
  g.kind = kind;
  g.to = builder.at(step.out);
  g.to_stride = step.out.row_stride;
  g.rows = step.out_shape.rows();
  g.channels = step.out_shape.c;
  return g;
}

void from_input(LaunchBuilder& builder, const Step& step, size_t index, CopyArgs& g) {
  g.from = builder.at(step.inputs[index]);
  g.from_stride = step.inputs[index].row_stride;
  g.from_rows = step.input_shapes[index].rows();
}

void from_param(LaunchBuilder& builder, const Step& step, CopyArgs& g) {
  g.from = weights(step, 0);
  if (step.node->params[0]->halves) g.halves = reinterpret_cast<const uint16_t*>(g.from);
  g.widen = builder.kernels().widen;
  g.from_stride = g.channels;
}

void push(LaunchBuilder& builder, CopyArgs g) {
  g.block_rows = rows_per_task(g.rows, g.channels);
  builder.push(g, &copy_rows, ceil_div(g.rows, g.block_rows), static_cast<double>(g.rows * g.channels));
}

void launch_param_rows(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::repeat);
  from_param(builder, step, g);
  g.period = step.out_shape.rows_per_item();
  push(builder, g);
}

void launch_gather_rows(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::gather);
  if (step.inputs.size() > 1) {
    from_input(builder, step, 1, g);
  } else {
    from_param(builder, step, g);
    g.from_rows = step.node->params[0]->shape[0];
  }
  g.ids = reinterpret_cast<const int32_t*>(builder.at(step.inputs[0]));
  push(builder, g);
}

void launch_concat_channels(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::same);
  for (size_t i = 0; i < 2; ++i) {
    from_input(builder, step, i, g);
    g.channels = step.input_shapes[i].c;
    push(builder, g);
    g.to += g.channels;
  }
}

void launch_concat_tokens(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::tokens);
  g.out_tokens = step.out_shape.rows_per_item();
  for (size_t i = 0; i < 2; ++i) {
    from_input(builder, step, i, g);
    g.in_tokens = step.input_shapes[i].rows_per_item();
    g.rows = step.input_shapes[i].rows();
    push(builder, g);
    g.offset += g.in_tokens;
  }
}

void launch_upsample(LaunchBuilder& builder, const Step& step) {
  CopyArgs g = copy_to(builder, step, CopyArgs::Kind::enlarge);
  from_input(builder, step, 0, g);
  g.in_h = step.input_shapes[0].h;
  g.in_w = step.input_shapes[0].w;
  g.out_h = step.out_shape.h;
  g.out_w = step.out_shape.w;
  g.map_h = builder.nearest_map(g.in_h, g.out_h);
  g.map_w = builder.nearest_map(g.in_w, g.out_w);
  push(builder, g);
}

}  // namespace

const OpLaunch param_rows_launch = {launch_param_rows, nullptr, nullptr};
const OpLaunch gather_rows_launch = {launch_gather_rows, nullptr, nullptr};
const OpLaunch concat_channels_launch = {launch_concat_channels, nullptr, nullptr};
const OpLaunch concat_tokens_launch = {launch_concat_tokens, nullptr, nullptr};
const OpLaunch upsample_launch = {launch_upsample, nullptr, nullptr};

}  // namespace ipa
