#include "pipeline/decoder.h"

#include <algorithm>
#include <cmath>

namespace ipa {

Result<std::unique_ptr<Decoder>> Decoder::make(ModelSet& models, int64_t height, int64_t width) {
  std::unique_ptr<Decoder> self(new Decoder);
  self->config_ = &models.vae->config();
  self->area_ = height * width;
  Graph graph(&models.vae_params);
  self->latents_ = graph.input({1, height, width, self->config_->latent_channels});
  self->pixels_ = models.vae->decode(graph, self->latents_);
  graph.output(self->pixels_);
  IPA_ASSIGN(self->program_, Program::make(std::move(graph), models.backend()));
  IPA_TRY(self->program_->prepare());
  return self;
}

Result<std::vector<uint8_t>> Decoder::decode(const float* latents, const CancelFlag* cancel) {
  const VaeConfig& c = *config_;
  float* in = program_->floats(latents_);
  const auto factor = static_cast<float>(c.scaling_factor);
  for (int64_t channel = 0; channel < c.latent_channels; ++channel) {
    const auto k = static_cast<size_t>(channel);
    const float mean = c.latents_mean.empty() ? 0.0f : static_cast<float>(c.latents_mean[k]);
    const float deviation = c.latents_std.empty() ? 1.0f : static_cast<float>(c.latents_std[k]);
    for (int64_t p = 0; p < area_; ++p)
      in[p * c.latent_channels + channel] = latents[channel * area_ + p] * deviation / factor + mean;
  }
  IPA_TRY(program_->run(cancel));
  const int64_t count = program_->shape(pixels_).elements();
  const float* out = program_->floats(pixels_);
  std::vector<uint8_t> rgb(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const float value = std::clamp(out[i] * 0.5f + 0.5f, 0.0f, 1.0f);
    // A prediction that is no number becomes black instead of undefined.
    rgb[static_cast<size_t>(i)] =
        std::isnan(value) ? uint8_t{0} : static_cast<uint8_t>(std::nearbyint(value * 255.0f));
  }
  return rgb;
}

}  // namespace ipa
