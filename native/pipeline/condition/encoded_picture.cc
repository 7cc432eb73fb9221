#include "pipeline/condition/encoded_picture.h"

#include <algorithm>
#include <cmath>

namespace ipa {
namespace {

// The encoder's input. Where `hidden`, it is 0 in the range from -1 to 1.
std::vector<float> pixels_of(const std::vector<uint8_t>& rgb, const std::vector<bool>& hidden, float black) {
  std::vector<float> out(rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i) {
    const bool grey = !hidden.empty() && hidden[i / 3];
    const float value = grey ? 0.0f : 2.0f * (static_cast<float>(rgb[i]) / 255.0f) - 1.0f;
    out[i] = black < 0 ? value : (value + 1.0f) / 2.0f;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<PictureEncoder>> PictureEncoder::plan(const ModelSet& models, int64_t height,
                                                             int64_t width, Wrap wrap) {
  std::unique_ptr<PictureEncoder> self(new PictureEncoder(models));
  IPA_ASSIGN(self->bytes_to_load_, models.foresee_encoder());
  Graph graph(&models.vae_encoder->params);
  graph.set_wrap(wrap);
  self->pixels_ = graph.input({1, height, width, 3});
  self->encoded_ = models.vae_encoder->network.encode(graph, self->pixels_);
  graph.output(self->encoded_);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), models.backend(Part::vae)));
  return self;
}

Status PictureEncoder::prepare(const Call& call) {
  IPA_TRY(models_.load_encoder(call.cancel));
  return program_->prepare(call.workspace);
}

Result<EncodedPicture> PictureEncoder::encode(const std::vector<uint8_t>& rgb, const std::vector<bool>& hidden,
                                              const CancelFlag* cancel) {
  IPA_TRY(program_->set(pixels_, pixels_of(rgb, hidden, models_.vae_encoder->network.black())));
  IPA_TRY(program_->run(cancel));
  const Shape shape = latents_shape();
  const int64_t latents = models_.vae_encoder->config().latent_channels;
  std::vector<float> out(static_cast<size_t>(shape.elements()));
  IPA_TRY(program_->get(encoded_, out));
  EncodedPicture picture;
  for (int64_t c = 0; c < std::min(shape.c, 2 * latents); ++c)
    for (int64_t p = 0; p < shape.rows(); ++p) {
      const float value = out[static_cast<size_t>(p * shape.c + c)];
      if (c < latents)
        picture.mean.push_back(value);
      else
        picture.deviation.push_back(std::exp(0.5f * std::clamp(value, -30.0f, 20.0f)));
    }
  return picture;
}

std::vector<float> draw_latents(const EncodedPicture& picture, const VaeConfig& config, Noise& noise) {
  std::vector<float> latents = picture.mean;
  if (!picture.deviation.empty()) {
    std::vector<float> drawn(latents.size());
    noise.fill(drawn.data(), drawn.size());
    for (size_t i = 0; i < latents.size(); ++i) latents[i] += picture.deviation[i] * drawn[i];
  }
  const auto factor = static_cast<float>(config.scaling_factor);
  const size_t pixels = latents.size() / static_cast<size_t>(config.latent_channels);
  for (size_t i = 0; i < latents.size(); ++i) {
    const size_t c = i / pixels;
    if (config.latents_mean.empty())
      latents[i] *= factor;
    else
      latents[i] = (latents[i] - static_cast<float>(config.latents_mean[c])) * factor /
                   static_cast<float>(config.latents_std[c]);
  }
  return latents;
}

}  // namespace ipa
