#include "pipeline/decode/whole_decoder.h"

namespace ipa {

Result<std::unique_ptr<Decoder>> WholeDecoder::plan(const ModelSet& models, int64_t height, int64_t width,
                                                    Wrap wrap) {
  const LoadedNetwork<Vae>& vae = *models.vae;
  std::unique_ptr<WholeDecoder> self(new WholeDecoder(vae.config(), height * width));
  Graph graph(&vae.params);
  graph.set_wrap(wrap);
  self->latents_ = graph.input({1, height, width, self->config_.latent_channels});
  self->pixels_ = vae.network.decode(graph, self->latents_);
  graph.output(self->pixels_);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), models.backend(Part::vae)));
  return std::unique_ptr<Decoder>(std::move(self));
}

Result<std::vector<uint8_t>> WholeDecoder::decode(const float* latents, const TileFunction&,
                                                  const CancelFlag* cancel) {
  IPA_TRY(program_->set(latents_, unscale_latents(config_, latents, area_)));
  IPA_TRY(program_->run(cancel));
  std::vector<uint8_t> rgb(static_cast<size_t>(program_->shape(pixels_).elements()));
  IPA_TRY(read_pixels(*program_, pixels_, 0, rgb.size(), rgb.data()));
  return rgb;
}

}  // namespace ipa
