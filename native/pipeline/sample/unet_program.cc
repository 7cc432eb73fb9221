#include "pipeline/sample/unet_program.h"

#include <cmath>

namespace ipa {
namespace {

// Latent consistency models take the guidance as an input: a sinusoid of (w - 1) * 1000, sines first.
void guidance_embedding(float guidance, int64_t size, float* out) {
  const int64_t half = size / 2;
  const float value = (guidance - 1.0f) * 1000.0f;
  for (int64_t i = 0; i < half; ++i) {
    const float angle =
        value * std::exp(static_cast<float>(i) * -(std::log(10000.0f) / static_cast<float>(half - 1)));
    out[i] = std::sin(angle);
    out[half + i] = std::cos(angle);
  }
  if (size % 2) out[size - 1] = 0;
}

}  // namespace

Result<std::unique_ptr<UNetProgram>> UNetProgram::make(const Call& call, Conditioning& conditioning,
                                                       const UNetProgramShape& shape, float guidance,
                                                       UNetProgram* features) {
  std::unique_ptr<UNetProgram> self(new UNetProgram);
  const ModelSet& models = call.models;
  const UNetConfig& c = models.unet->config();
  Graph graph(&models.unet->params);
  UNetInputs inputs;
  std::vector<Value> external;
  std::vector<std::pair<Value, void*>> bound;
  auto bind = [&](Value value, void* memory) {
    external.push_back(value);
    bound.emplace_back(value, memory);
    return value;
  };
  inputs.latents = self->latents_ = graph.input({shape.batch, shape.height, shape.width, c.in_channels});
  inputs.sinusoid = self->sinusoid_ = graph.input({1, 1, 1, c.sinusoid_size()});
  if (c.text_time)
    inputs.addition = bind(graph.input({shape.batch, 1, 1, c.addition_input_size}),
                           conditioning.addition.data() + shape.first * c.addition_input_size);
  if (c.time_cond_size) inputs.time_cond = graph.input({1, 1, 1, c.time_cond_size});

  const std::vector<CrossLayer>& layers = models.unet->network.cross_layers();
  std::vector<Value> scales;
  for (float& scale : conditioning.scales) scales.push_back(bind(graph.input({1, 1, 1, 1}), &scale));
  inputs.branches.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    auto keys_input = [&](PackedKeys& keys) {
      KeyValueShape kv{1, keys.tokens, layers[i].heads, static_cast<int>(layers[i].hidden / layers[i].heads)};
      auto* memory = reinterpret_cast<uint8_t*>(keys.program->floats(keys.values[i]));
      if (memory) memory += static_cast<size_t>(shape.first) * models.backend().packed_kv_bytes(kv);
      kv.batch = shape.batch;
      return bind(graph.packed_kv_input(kv), memory);
    };
    inputs.text_kv.push_back(keys_input(conditioning.text));
    for (size_t b = 0; b < conditioning.images.size(); ++b)
      if (conditioning.images[b].values[i].valid())
        inputs.branches[i].push_back({keys_input(conditioning.images[b]), scales[b]});
  }

  inputs.merge_ratio = shape.merge_ratio;
  DeepFeatures deep;
  deep.depth = shape.feature_depth;
  if (features)
    deep.kept = bind(graph.input(features->program_->shape(features->kept_)),
                     features->program_->floats(features->kept_));
  self->output_ = models.unet->network.build(graph, inputs, deep.depth ? &deep : nullptr);
  graph.output(self->output_);
  if (deep.depth && !features) {
    self->kept_ = deep.kept;
    graph.output(self->kept_);
  }

  IPA_ASSIGN(self->program_, Program::make(std::move(graph), models.backend(), external, &call.workspace));
  for (const auto& [value, memory] : bound) self->program_->bind(value, memory);
  IPA_TRY(self->program_->prepare());
  if (inputs.time_cond.valid() && !call.workspace.dry())
    guidance_embedding(guidance, c.time_cond_size, self->program_->floats(inputs.time_cond));
  return self;
}

}  // namespace ipa
