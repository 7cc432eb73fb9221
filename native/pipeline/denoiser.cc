#include "pipeline/denoiser.h"

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

Result<std::unique_ptr<Denoiser>> Denoiser::make(ModelSet& models, Conditioning& conditioning, int64_t height,
                                                 int64_t width, float guidance, Workspace& workspace) {
  std::unique_ptr<Denoiser> self(new Denoiser);
  const UNetConfig& c = models.unet->config();
  self->config_ = &c;
  self->batch_ = conditioning.batch;
  self->channels_ = c.out_channels;
  self->pixels_ = height * width;
  self->guidance_ = guidance;

  Graph graph(&models.unet_params);
  UNetInputs inputs;
  std::vector<Value> external;
  std::vector<std::pair<Value, void*>> bound;
  auto bind = [&](Value value, void* memory) {
    external.push_back(value);
    bound.emplace_back(value, memory);
    return value;
  };
  inputs.latents = self->latents_ = graph.input({self->batch_, height, width, c.in_channels});
  inputs.sinusoid = self->sinusoid_ = graph.input({1, 1, 1, c.sinusoid_size()});
  if (c.text_time)
    inputs.addition =
        bind(graph.input({self->batch_, 1, 1, c.addition_input_size}), conditioning.addition.data());
  if (c.time_cond_size) inputs.time_cond = graph.input({1, 1, 1, c.time_cond_size});

  const std::vector<CrossLayer>& layers = models.unet->cross_layers();
  std::vector<Value> scales;
  for (float& scale : conditioning.scales) scales.push_back(bind(graph.input({1, 1, 1, 1}), &scale));
  inputs.branches.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    auto keys_input = [&](PackedKeys& keys) {
      const KeyValueShape shape{self->batch_, keys.tokens, layers[i].heads,
                                static_cast<int>(layers[i].hidden / layers[i].heads)};
      return bind(graph.packed_kv_input(shape), keys.program->floats(keys.values[i]));
    };
    inputs.text_kv.push_back(keys_input(conditioning.text));
    for (size_t b = 0; b < conditioning.images.size(); ++b)
      if (conditioning.images[b].values[i].valid())
        inputs.branches[i].push_back({keys_input(conditioning.images[b]), scales[b]});
  }
  self->output_ = models.unet->build(graph, inputs);
  graph.output(self->output_);

  IPA_ASSIGN(self->program_, Program::make(std::move(graph), models.backend(), external, &workspace));
  for (const auto& [value, memory] : bound) self->program_->bind(value, memory);
  IPA_TRY(self->program_->prepare());
  if (inputs.time_cond.valid() && !workspace.dry())
    guidance_embedding(guidance, c.time_cond_size, self->program_->floats(inputs.time_cond));
  return self;
}

Status Denoiser::predict(const float* latents, float timestep, float* prediction, const CancelFlag* cancel) {
  float* in = program_->floats(latents_);
  for (int64_t item = 0; item < batch_; ++item)
    for (int64_t p = 0; p < pixels_; ++p)
      for (int64_t c = 0; c < channels_; ++c) {
        const float value = latents[c * pixels_ + p];
        in[(item * pixels_ + p) * channels_ + c] = config_->center_input_sample ? 2 * value - 1 : value;
      }
  timestep_sinusoid(static_cast<double>(timestep), config_->sinusoid_size(), config_->flip_sin_to_cos,
                    config_->freq_shift, program_->floats(sinusoid_));
  IPA_TRY(program_->run(cancel));
  const float* out = program_->floats(output_);
  const float* negative = out;
  const float* positive = batch_ > 1 ? out + pixels_ * channels_ : out;
  for (int64_t p = 0; p < pixels_; ++p)
    for (int64_t c = 0; c < channels_; ++c) {
      const int64_t i = p * channels_ + c;
      prediction[c * pixels_ + p] =
          batch_ > 1 ? negative[i] + guidance_ * (positive[i] - negative[i]) : positive[i];
    }
  return {};
}

}  // namespace ipa
