#include "pipeline/beginning.h"

#include <utility>

#include "pipeline/sample/variation.h"
#include "schedulers/torch_noise.h"

namespace ipa {
namespace {

// The seed's noise, or what a variation makes of it.
void draw_noise(const PreparedCall& prepared, size_t image, Noise& noise, std::vector<float>& fresh) {
  noise.fill(fresh.data(), fresh.size());
  const GenerateRequest& request = prepared.request();
  if (!(request.variation_strength > 0)) return;
  std::vector<float> other(fresh.size());
  TorchNoise(request.variation_seed + image).fill(other.data(), other.size());
  const int64_t scale = prepared.latent_scale();
  turn_towards(fresh, other, request.height / scale, request.width / scale, request.variation_strength);
}

}  // namespace

Result<Beginning> begin_picture(const PreparedCall& prepared, size_t image, const Scheduler& scheduler,
                                Noise& noise) {
  const GenerateRequest& request = prepared.request();
  const SourcePicture* source = prepared.source();
  const bool begins = source && source->begins(), blends = source && source->blends();
  // Another call's latents, or a picture's, have their noise in them.
  const bool goes_on = request.denoising_start > 0;
  Beginning result;
  std::vector<float> own;
  if (source) own = source->draw(noise);
  std::vector<float> fresh(static_cast<size_t>(prepared.denoiser().elements()));
  if (!request.latents.empty())
    fresh = request.latents[request.latents.size() == 1 ? 0 : image];
  else if (!(goes_on && begins && !blends))
    draw_noise(prepared, image, noise, fresh);

  result.latents.resize(fresh.size());
  if (begins && goes_on)
    result.latents = own;
  else if (begins)
    scheduler.add_noise(prepared.span().first, own.data(), fresh.data(), result.latents.data(), fresh.size());
  else
    for (size_t i = 0; i < fresh.size(); ++i)
      result.latents[i] = goes_on ? fresh[i] : fresh[i] * scheduler.init_noise_sigma();

  if (source) {
    std::vector<float> channels = source->channels(noise);
    if (prepared.inpaint())
      IPA_TRY(prepared.inpaint()->read(channels));
    else
      result.beside = std::move(channels);
  }
  if (blends) {
    result.picture = std::move(own);
    result.noise = std::move(fresh);
  }
  return result;
}

void blend(const PreparedCall& prepared, const Beginning& beginning, const Scheduler& scheduler, int index,
           bool last, std::vector<float>& latents) {
  const std::vector<float>& mask = prepared.source()->mask();
  const NoiseMix mix = last ? NoiseMix() : scheduler.noise_mix(index);
  for (size_t i = 0; i < latents.size(); ++i)
    if (mask[i % mask.size()] == 0)
      latents[i] = mix.signal * beginning.picture[i] + mix.noise * beginning.noise[i];
}

}  // namespace ipa
