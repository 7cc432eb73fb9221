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

const LoadedControl& loaded(const ControlCall& call, size_t condition) {
  return *call.models.controls[static_cast<size_t>(call.request.controls[condition].control)];
}

// The conditions of each net: of a union all that name it, else one.
std::vector<std::vector<size_t>> conditions_of_nets(const ControlCall& call) {
  std::vector<std::vector<size_t>> nets;
  for (size_t i = 0; i < call.request.controls.size(); ++i) {
    if (!loaded(call, i).net) continue;
    std::vector<size_t>* same = nullptr;
    for (std::vector<size_t>& net : nets)
      if (loaded(call, i).kind == ControlKind::controlnet_union &&
          call.request.controls[net.front()].control == call.request.controls[i].control)
        same = &net;
    if (same)
      same->push_back(i);
    else
      nets.push_back({i});
  }
  return nets;
}

}  // namespace

Result<std::unique_ptr<Controls>> Controls::plan(const ControlCall& call) {
  if (call.request.controls.empty()) return std::unique_ptr<Controls>();
  std::unique_ptr<Controls> self(new Controls(call.kinds));
  const int64_t scale = call.models.vae->config().scale();
  self->channels_ = call.models.unet->config().out_channels;
  self->pixels_ = (call.request.height / scale) * (call.request.width / scale);
  std::vector<size_t> adapters;
  for (size_t i = 0; i < call.request.controls.size(); ++i)
    if (loaded(call, i).adapter) adapters.push_back(i);
  IPA_TRY(self->plan_nets(call, conditions_of_nets(call)));
  IPA_TRY(self->plan_adapters(call, adapters));
  return self;
}

Status Controls::plan_nets(const ControlCall& call, const std::vector<std::vector<size_t>>& nets) {
  if (nets.empty()) return {};
  const int64_t scale = call.models.vae->config().scale();
  std::vector<Shape> shapes = residual_shapes(*loaded(call, nets.front().front()).net,
                                              call.request.height / scale, call.request.width / scale);
  const bool among = nets.size() > 1;
  const MemorySpace& space = call.models.backend(Part::unet).memory();
  if (among) made_ = Residuals(space, shapes, call.conditioning.batch());
  sums_.skips = Residuals(space, std::move(shapes), call.conditioning.batch());
  for (const std::vector<size_t>& conditions : nets) {
    IPA_ASSIGN(std::unique_ptr<ControlNetRun> net,
               ControlNetRun::plan(call, conditions, among, among ? made_ : sums_.skips));
    nets_.push_back(std::move(net));
  }
  return {};
}

Status Controls::plan_adapters(const ControlCall& call, const std::vector<size_t>& conditions) {
  std::vector<Shape> shapes;
  for (const size_t condition : conditions) {
    IPA_ASSIGN(std::unique_ptr<T2iRun> adapter, T2iRun::plan(call, condition));
    const size_t places = loaded(call, condition).places;
    for (size_t i = shapes.size(); i < places; ++i) shapes.push_back(adapter->shapes()[i]);
    adapters_.push_back(std::move(adapter));
  }
  sums_.levels = Residuals(call.models.backend(Part::unet).memory(), std::move(shapes), 1);
  summed_.assign(adapters_.size(), false);
  return {};
}

void Controls::count(MemoryCount& memory) const {
  for (const Residuals* residuals : {&sums_.skips, &sums_.levels, &made_}) residuals->count(memory);
  for (const auto& net : nets_) net->count(memory);
  for (const auto& adapter : adapters_) adapter->count(memory);
}

Status Controls::begin(const Call& call) {
  IPA_TRY(sums_.skips.take(call.workspace));
  IPA_TRY(sums_.levels.take(call.workspace));
  IPA_TRY(made_.take(call.workspace));
  for (const auto& net : nets_) IPA_TRY(net->begin(call));
  for (const auto& adapter : adapters_) IPA_TRY(adapter->begin(call));
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
  sum_levels(i);
  return {};
}

void Controls::add(const ControlNetRun& net, StepKind kind, bool first) {
  const ControlNetRun::Extent extent = net.extent(kind);
  const Residuals& made = nets_.size() == 1 ? sums_.skips : made_;
  for (size_t i = 0; i < extent.results; ++i) {
    if (net.pooled())
      for (int64_t item = 0; item < extent.batch; ++item)
        pool_pixels(made.items(i, extent.first + item, 1), made.shape(i), net.factor(i));
    scale_into(made.items(i, extent.first, extent.batch), net.pooled() ? 1.0f : net.factor(i), !first,
               sums_.skips.items(i, extent.first, extent.batch));
    // In guess mode nothing is added to the negative half.
    if (first) sums_.skips.items(i, 0, extent.first).fill_with_zeros();
  }
}

// They change only where a window begins or ends.
void Controls::sum_levels(size_t i) {
  std::vector<bool> active;
  for (const auto& adapter : adapters_) active.push_back(adapter->active(i));
  if (active == summed_) return;
  summed_ = active;
  for (size_t level = 0; level < sums_.levels.count(); ++level) {
    std::vector<float> sum(static_cast<size_t>(sums_.levels.shape(level).elements()), 0.0f);
    for (size_t a = 0; a < adapters_.size(); ++a) {
      if (!active[a] || level >= adapters_[a]->shapes().size()) continue;
      const std::vector<float>& feature = adapters_[a]->feature(level);
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += adapters_[a]->scale() * feature[k];
    }
    sums_.levels.items(level, 0, 1).write(0, sum.data(), sum.size() * sizeof(float));
  }
}

}  // namespace ipa
