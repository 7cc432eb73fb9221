#include "pipeline/decode/decoder.h"

#include <algorithm>
#include <cmath>

#include "base/finite.h"
#include "graph/program.h"
#include "pipeline/decode/tiled_decoder.h"

namespace ipa {
namespace {

class WholeDecoder : public Decoder {
 public:
  static Result<std::unique_ptr<Decoder>> make(ModelSet& models, int64_t height, int64_t width,
                                               Workspace& workspace) {
    std::unique_ptr<WholeDecoder> self(new WholeDecoder(models.vae->config(), height * width));
    Graph graph(&models.vae_params);
    self->latents_ = graph.input({1, height, width, self->config_.latent_channels});
    self->pixels_ = models.vae->decode(graph, self->latents_);
    graph.output(self->pixels_);
    IPA_ASSIGN(self->program_, Program::make(std::move(graph), models.backend(), {}, &workspace));
    IPA_TRY(self->program_->prepare());
    return std::unique_ptr<Decoder>(std::move(self));
  }

  Result<std::vector<uint8_t>> decode(const float* latents, const TileFunction&,
                                      const CancelFlag* cancel) override {
    unscale_latents(config_, latents, area_, program_->floats(latents_));
    IPA_TRY(program_->run(cancel));
    const int64_t count = program_->shape(pixels_).elements();
    IPA_TRY(check_pixels(program_->floats(pixels_), count));
    std::vector<uint8_t> rgb(static_cast<size_t>(count));
    round_pixels(program_->floats(pixels_), count, rgb.data());
    return rgb;
  }

 private:
  WholeDecoder(const VaeConfig& config, int64_t area) : config_(config), area_(area) {}

  const VaeConfig& config_;
  int64_t area_;
  std::unique_ptr<Program> program_;
  Value latents_, pixels_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::make(ModelSet& models, int64_t height, int64_t width, int64_t tile,
                                               Workspace& workspace) {
  const int64_t scale = models.vae->config().scale();
  if (tile > 0 && !models.vae->config().tiny && std::max(height, width) * scale > tile)
    return TiledDecoder::make(models, height, width, tile, workspace);
  return WholeDecoder::make(models, height, width, workspace);
}

void unscale_latents(const VaeConfig& c, const float* latents, int64_t area, float* out) {
  const auto factor = static_cast<float>(c.scaling_factor);
  for (int64_t channel = 0; channel < c.latent_channels; ++channel) {
    const auto k = static_cast<size_t>(channel);
    const float mean = c.latents_mean.empty() ? 0.0f : static_cast<float>(c.latents_mean[k]);
    const float deviation = c.latents_std.empty() ? 1.0f : static_cast<float>(c.latents_std[k]);
    for (int64_t p = 0; p < area; ++p)
      out[p * c.latent_channels + channel] = latents[channel * area + p] * deviation / factor + mean;
  }
}

Status check_pixels(const float* values, int64_t count) {
  if (all_finite(values, static_cast<size_t>(count))) return {};
  return Status(Code::range,
                "the decoded pixels are no finite numbers: a weight of the VAE is damaged, or the latents are "
                "too large");
}

void round_pixels(const float* values, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = std::clamp(values[i] * 0.5f + 0.5f, 0.0f, 1.0f);
    // A prediction that is no number becomes black instead of undefined.
    out[i] = std::isnan(value) ? uint8_t{0} : static_cast<uint8_t>(std::nearbyint(value * 255.0f));
  }
}

}  // namespace ipa
