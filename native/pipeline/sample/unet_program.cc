#include "pipeline/sample/unet_program.h"

#include <cmath>

namespace ipa {
namespace {

// Latent consistency models take the guidance as an input: a sinusoid of (w - 1) * 1000, sines first.
std::vector<float> guidance_embedding(float guidance, int64_t size) {
  std::vector<float> out(static_cast<size_t>(size), 0.0f);
  const auto half = static_cast<size_t>(size / 2);
  const float value = (guidance - 1.0f) * 1000.0f;
  for (size_t i = 0; i < half; ++i) {
    const float angle =
        value * std::exp(static_cast<float>(i) * -(std::log(10000.0f) / static_cast<float>(half - 1)));
    out[i] = std::sin(angle);
    out[half + i] = std::cos(angle);
  }
  return out;
}

}  // namespace

Value UNetProgram::bind(Value value, Source source) {
  bound_.emplace_back(value, std::move(source));
  return value;
}

Value UNetProgram::bind_keys(Graph& graph, const PackedKeys& keys, size_t layer,
                             const UNetProgramShape& shape) {
  KeyValueShape kv = keys.program->plan().graph().node(keys.values[layer]).kv;
  kv.batch = shape.items();
  return bind(graph.packed_kv_input(kv), [&keys, layer, first = shape.first, batch = shape.batch] {
    return keys.program->items(keys.values[layer], first, batch);
  });
}

UNetAdditions UNetProgram::describe_additions(Graph& graph, const UNetProgramShape& shape, size_t skips) {
  UNetAdditions additions;
  if (const InpaintRun* inpaint = shape.inpaint) {
    Shape made = inpaint->shape();
    made.n = shape.items_alike();
    additions.first = bind(graph.input(made), [inpaint] { return inpaint->made(); });
  }
  if (!shape.additions) return additions;
  const auto to_skip = [&](const Residuals* given, size_t i) {
    Shape of_all = given->shape(i);
    of_all.n = shape.items();
    return bind(graph.input(of_all),
                [given, i, first = shape.first, batch = shape.batch] { return given->items(i, first, batch); });
  };
  const auto to_level = [&](const Residuals* given, size_t i) {
    Shape of_all = given->shape(i);
    of_all.n = shape.items_alike();
    return bind(graph.input(of_all), [given, i] { return given->items(i, 0, 1); });
  };
  const Residuals &to_skips = shape.additions->skips, &to_levels = shape.additions->levels;
  for (size_t i = 0; i < skips && i < to_skips.count(); ++i) additions.skips.push_back(to_skip(&to_skips, i));
  if (skips + 1 == to_skips.count()) additions.middle = to_skip(&to_skips, skips);
  const size_t levels = config_.levels.size();
  for (size_t i = 0; i < levels && i < to_levels.count(); ++i)
    additions.levels.push_back(to_level(&to_levels, i));
  if (levels + 1 == to_levels.count()) additions.after_middle = to_level(&to_levels, levels);
  return additions;
}

UNetInputs UNetProgram::describe_inputs(Graph& graph, const UNet& unet, const Conditioning& conditioning,
                                        const UNetProgramShape& shape) {
  UNetInputs inputs;
  inputs.latents = latents_ = graph.input({shape.items(), shape.height, shape.width, config_.in_channels});
  inputs.sinusoid = sinusoid_ = graph.input({shape.items(), 1, 1, config_.sinusoid_size()});
  if (config_.text_time)
    inputs.addition = bind(graph.input({shape.items(), 1, 1, config_.addition_input_size}),
                           [&conditioning, first = shape.first, batch = shape.batch] {
                             return conditioning.addition(first, batch);
                           });
  if (config_.time_cond_size)
    inputs.time_cond = time_cond_ = graph.input({shape.items(), 1, 1, config_.time_cond_size});

  const std::vector<PackedKeys>& images = conditioning.images();
  const BranchScales& scales = conditioning.scales();
  std::vector<Value> values;
  for (size_t i = 0; i < scales.count_values(); ++i)
    values.push_back(
        bind(graph.input({shape.items(), 1, scales.rows(i), 1}),
             [&scales, i, first = shape.first, batch = shape.batch] { return scales.view(i, first, batch); }));
  inputs.branches.resize(unet.cross_layers().size());
  for (size_t layer = 0; layer < inputs.branches.size(); ++layer) {
    inputs.text_kv.push_back(bind_keys(graph, conditioning.text(), layer, shape));
    for (size_t b = 0; b < images.size(); ++b)
      if (const int value = scales.of_branch(b, layer); value >= 0)
        inputs.branches[layer].push_back(
            {bind_keys(graph, images[b], layer, shape), values[static_cast<size_t>(value)]});
    for (size_t r = 0; r < conditioning.regions(); ++r)
      inputs.branches[layer].push_back({bind_keys(graph, conditioning.region(r), layer, shape),
                                        values[static_cast<size_t>(scales.of_region(r, layer))]});
    if (const int value = scales.of_prompt(layer); value >= 0)
      inputs.text_scales.push_back(values[static_cast<size_t>(value)]);
  }
  inputs.merge_ratio = shape.merge_ratio;
  return inputs;
}

Value UNetProgram::describe_unet(Graph& graph, const UNet& unet, const UNetInputs& inputs,
                                 DeepFeatures* features, const AttentionMaps* maps) {
  if (!maps) return unet.build(graph, inputs, features);
  std::vector<LayerMap> layers = maps->layers();
  const Value output = unet.build(graph, inputs, features, &layers);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].value.valid()) continue;
    graph.output(bind(layers[i].value, [maps, i] { return maps->view(i); }));
    mapped_.push_back(i);
  }
  return output;
}

Status UNetProgram::describe(const ModelSet& models, const Conditioning& conditioning,
                             const UNetProgramShape& shape, const UNetProgram* features) {
  const LoadedNetwork<UNet>& unet = *models.unet;
  Graph graph(&unet.params);
  graph.set_wrap(shape.wrap);
  UNetInputs inputs = describe_inputs(graph, unet.network, conditioning, shape);
  DeepFeatures deep;
  deep.depth = shape.feature_depth;
  const int skips = features ? shape.feature_depth : unet.network.skip_connections();
  inputs.additions = describe_additions(graph, shape, static_cast<size_t>(skips));
  if (features) {
    Shape kept = features->program_->shape(features->kept_);
    kept.n = shape.items();
    deep.kept = bind(graph.input(kept), [features] { return features->program_->view(features->kept_); });
  }
  output_ = describe_unet(graph, unet.network, inputs, deep.depth ? &deep : nullptr, shape.maps);
  graph.output(output_);
  if (deep.depth && !features) {
    kept_ = deep.kept;
    graph.output(kept_);
  }
  // Calls that run as one are copied into memory of their own.
  std::vector<Value> external;
  if (shape.copies == 1)
    for (const auto& [value, source] : bound_) external.push_back(value);
  IPA_ASSIGN(program_, Program::plan(std::move(graph), models.backend(Part::unet), external));
  program_->set_whole();
  return {};
}

Result<std::unique_ptr<UNetProgram>> UNetProgram::plan(const ModelSet& models, const Conditioning& conditioning,
                                                       const UNetProgramShape& shape,
                                                       const UNetProgram* features) {
  std::unique_ptr<UNetProgram> self(new UNetProgram(models.unet->config()));
  IPA_TRY(self->describe(models, conditioning, shape, features));
  if (shape.maps) return self;  // of one call's last item alone
  self->program_->share(
      [&models, &conditioning, shape, features](int copies) -> Result<std::unique_ptr<Program>> {
        UNetProgramShape of_all = shape;
        of_all.copies = copies;
        UNetProgram described(models.unet->config());
        IPA_TRY(described.describe(models, conditioning, of_all, features));
        return std::move(described.program_);
      });
  return self;
}

Status UNetProgram::prepare(Workspace& workspace, float guidance) {
  for (const auto& [value, source] : bound_) program_->bind(value, source());
  IPA_TRY(program_->prepare(workspace));
  if (!time_cond_.valid()) return {};
  return set_each(time_cond_, guidance_embedding(guidance, config_.time_cond_size));
}

Status UNetProgram::run_all(const std::vector<UNetProgram*>& programs, const CancelFlag* cancel) {
  std::vector<Program*> all;
  for (const UNetProgram* program : programs) all.push_back(program->program_.get());
  return Program::run_all(all, cancel);
}

Status UNetProgram::set_timestep(float timestep) {
  std::vector<float> sinusoid(static_cast<size_t>(config_.sinusoid_size()));
  timestep_sinusoid(static_cast<double>(timestep), config_.sinusoid_size(), config_.flip_sin_to_cos,
                    config_.freq_shift, sinusoid.data());
  return set_each(sinusoid_, sinusoid);
}

Status UNetProgram::set_each(Value value, const std::vector<float>& item) {
  const auto items = static_cast<size_t>(program_->shape(value).n);
  for (size_t i = 0; i < items; ++i) IPA_TRY(program_->set(value, item, i * item.size()));
  return {};
}

}  // namespace ipa
