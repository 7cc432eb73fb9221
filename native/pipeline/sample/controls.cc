#include "pipeline/sample/controls.h"

#include <utility>

namespace ipa {
namespace {

// Of one item: what a ControlNet adds to each skip connection and to the middle.
std::vector<Shape> residual_shapes(const LoadedNetwork<ControlNet>& net, int64_t height, int64_t width) {
  const UNetConfig& c = net.config().trunk;
  Graph graph(&net.params);
  UNetInputs inputs;
  inputs.latents = graph.input({1, height, width, c.in_channels});
  inputs.sinusoid = graph.input({1, 1, 1, c.sinusoid_size()});
  if (c.text_time) inputs.addition = graph.input({1, 1, 1, c.addition_input_size});
  for (const CrossLayer& layer : net.network.cross_layers())
    inputs.text_kv.push_back(
        graph.packed_kv_input({1, 1, layer.heads, static_cast<int>(layer.hidden / layer.heads)}));
  std::vector<Shape> shapes;
  for (const Value value : net.network.build(graph, inputs, {}, c.skip_connections()))
    shapes.push_back(graph.shape(value));
  return shapes;
}

}  // namespace

Result<std::unique_ptr<Controls>> Controls::plan(const ControlCall& call) {
  if (call.request.controls.empty()) return std::unique_ptr<Controls>();
  std::unique_ptr<Controls> self(new Controls(call.kinds));
  self->plan_residuals(call);
  for (size_t i = 0; i < call.request.controls.size(); ++i) {
    const Residuals& results = self->alone_ ? self->sums_.skips : self->made_;
    IPA_ASSIGN(std::unique_ptr<ControlNetRun> net, ControlNetRun::plan(call, i, results));
    self->nets_.push_back(std::move(net));
  }
  return self;
}

void Controls::plan_residuals(const ControlCall& call) {
  const int64_t scale = call.models.vae->config().scale();
  const int64_t height = call.request.height / scale, width = call.request.width / scale;
  const auto first = static_cast<size_t>(call.request.controls.front().control);
  std::vector<Shape> shapes = residual_shapes(*call.models.controls[first]->net, height, width);
  channels_ = call.models.unet->config().out_channels;
  pixels_ = height * width;
  alone_ = call.request.controls.size() == 1;
  if (!alone_) made_ = Residuals(shapes, call.conditioning.batch());
  sums_.skips = Residuals(std::move(shapes), call.conditioning.batch());
}

void Controls::count(MemoryCount& memory) const {
  memory.staying(sums_.skips.bytes());
  if (!alone_) memory.staying(made_.bytes());
  for (const auto& net : nets_) net->count(memory);
}

Status Controls::begin(const Call& call) {
  IPA_TRY(sums_.skips.take(call.workspace));
  if (!alone_) IPA_TRY(made_.take(call.workspace));
  for (const auto& net : nets_) IPA_TRY(net->begin(call));
  return {};
}

Status Controls::run(size_t i, const float* latents, float timestep, const CancelFlag* cancel) {
  latents_.resize(static_cast<size_t>(channels_ * pixels_));
  for (int64_t c = 0; c < channels_; ++c)
    for (int64_t p = 0; p < pixels_; ++p)
      latents_[static_cast<size_t>(p * channels_ + c)] = latents[c * pixels_ + p];
  bool first = true;
  for (const auto& net : nets_) {
    if (!net->active(i)) continue;
    IPA_TRY(net->run(kinds_[i], latents_, timestep, cancel));
    add(*net, kinds_[i], first);
    first = false;
  }
  if (first) sums_.skips.clear();
  return {};
}

void Controls::add(const ControlNetRun& net, StepKind kind, bool first) {
  const ControlNetRun::Extent extent = net.extent(kind);
  const Residuals& made = alone_ ? sums_.skips : made_;
  for (size_t i = 0; i < extent.results; ++i) {
    const BoundView from = made.items(i, extent.first, extent.batch);
    if (net.pooled())
      for (int64_t item = 0; item < extent.batch; ++item)
        pool_pixels(made.items(i, extent.first + item, 1), made.shape(i), net.factor(i));
    scale_into(from, net.pooled() ? 1.0f : net.factor(i), !first,
               sums_.skips.items(i, extent.first, extent.batch));
    // In guess mode nothing is added to the negative half.
    if (first) fill_with_zeros(sums_.skips.items(i, 0, extent.first));
  }
}

}  // namespace ipa
