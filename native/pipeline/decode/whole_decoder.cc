#include "pipeline/decode/whole_decoder.h"

namespace ipa {

Result<std::unique_ptr<Decoder>> WholeDecoder::make(const Call& call, int64_t height, int64_t width) {
  LoadedNetwork<Vae>& vae = *call.models.vae;
  std::unique_ptr<WholeDecoder> self(new WholeDecoder(vae.config(), height * width));
  Graph graph(&vae.params);
  self->latents_ = graph.input({1, height, width, self->config_.latent_channels});
  self->pixels_ = vae.network.decode(graph, self->latents_);
  graph.output(self->pixels_);
  IPA_ASSIGN(self->program_, Program::make(std::move(graph), call.models.backend(), {}, &call.workspace));
  IPA_TRY(self->program_->prepare());
  return std::unique_ptr<Decoder>(std::move(self));
}

Result<std::vector<uint8_t>> WholeDecoder::decode(const float* latents, const TileFunction&,
                                                  const CancelFlag* cancel) {
  unscale_latents(config_, latents, area_, program_->floats(latents_));
  IPA_TRY(program_->run(cancel));
  const int64_t count = program_->shape(pixels_).elements();
  IPA_TRY(check_pixels(program_->floats(pixels_), count));
  std::vector<uint8_t> rgb(static_cast<size_t>(count));
  round_pixels(program_->floats(pixels_), count, rgb.data());
  return rgb;
}

}  // namespace ipa
