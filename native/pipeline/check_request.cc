#include "pipeline/check_request.h"

#include <cmath>

#include "pipeline/check_controls.h"
#include "pipeline/condition/places.h"
#include "pipeline/condition/source_picture.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/model_options.h"
#include "pipeline/request_fields.h"
#include "pipeline/sample/attention_maps.h"

namespace ipa {
namespace {

// Whether a call that begins late draws noise: a picture that it begins with has its own.
bool draws_noise(const ModelSet& models, const GenerateRequest& request) {
  return !request.image || models.task() == Task::instruct ||
         (models.task() == Task::text_to_image && request.mask.has_value());
}

}  // namespace

Result<std::unique_ptr<Scheduler>> make_request_scheduler(const ModelSet& models,
                                                          const GenerateRequest& request) {
  SchedulerOptions options;
  options.name = request.scheduler;
  options.sigmas = request.sigmas;
  options.timesteps.assign(request.timesteps.begin(), request.timesteps.end());
  options.xl = models.family() == Family::sdxl;
  options.steps = request.steps;
  options.eta = request.eta;
  if (cuts_original_steps(models, request)) options.original_share = strength_of(models, request);
  options.needs_zero_snr = models.prediction.zero_snr.from == Origin::option;
  return make_scheduler(models.scheduler_config, options);
}

Status check_request(const ModelSet& models, const GenerateRequest& request) {
  IPA_TRY(check_fields(request, request_fields()));
  const int64_t scale = models.vae->config().scale();
  for (auto [name, side] : {std::pair{"width", request.width}, std::pair{"height", request.height}})
    if (side % scale)
      return Status::option(
          name, "expected a multiple of " + std::to_string(scale) + " but received " + std::to_string(side));
  if (request.vae_tile && (request.vae_tile < least_tile(models) || request.vae_tile % scale))
    return Status::option("vaeTile", "expected a multiple of " + std::to_string(scale) + " from " +
                                         std::to_string(least_tile(models)) + " on but received " +
                                         std::to_string(request.vae_tile));
  if (request.vae_tile && request.vae_tiling == Tiling::off)
    return Status::option("vaeTile", "vaeTiling \"off\" decodes the whole at once: leave one of them out");
  if (request.seeds.empty()) return Status::option("seeds", "at least one is needed");
  const int64_t pixels = (request.height / scale) * (request.width / scale);
  const auto elements = static_cast<size_t>(models.unet->config().out_channels * pixels);
  if (request.latents.size() > 1 && request.latents.size() != request.seeds.size())
    return Status::option("latents", "expected one, or one for each picture");
  for (const std::vector<float>& latents : request.latents)
    if (latents.size() != elements)
      return Status::option("latents", "expected " + std::to_string(elements) + " numbers but received " +
                                           std::to_string(latents.size()));
  if (request.variation_strength > 0 && !request.latents.empty())
    return Status::option("variation",
                          "it turns the noise of seed, and latents are there in its place: leave one of "
                          "them out");
  if (request.variation_strength > 0 && request.denoising_start > 0 && !draws_noise(models, request))
    return Status::option("variation",
                          "with denoisingStart, image begins as it is, without noise that could be "
                          "turned: leave one of them out");
  if (request.denoising_start >= request.denoising_end)
    return Status::option("denoisingStart", "expected less than denoisingEnd");
  if (request.denoising_start > 0 && request.latents.empty() && !request.image)
    return Status::option("denoisingStart", "expected latents or a picture to go on from");
  IPA_TRY(check_places(request));
  for (const ImageBranch& branch : request.branches)
    if (!std::isfinite(branch.scale)) return Status::option("scale", "expected a finite number");
  for (const TextEmbeds* embeds : {&request.prompt_embeds, &request.negative_embeds})
    if (!embeds->empty() && embeds->pooled.size() != static_cast<size_t>(pooled_size(models)))
      return Status::option("promptEmbeds", "expected " + std::to_string(pooled_size(models)) +
                                                " pooled numbers but received " +
                                                std::to_string(embeds->pooled.size()));
  IPA_TRY(check_controls(models, request));
  if (request.guidance_start > request.guidance_end)
    return Status::option("guidanceInterval", "expected two numbers, the smaller first");
  const int skips = models.unet->network.skip_connections();
  if (request.cache_every > 1 && request.cache_depth > skips)
    return Status::option("featureCache.depth", "expected 1 to " + std::to_string(skips) +
                                                    ", the skip connections of this model, but received " +
                                                    std::to_string(request.cache_depth));
  IPA_TRY(check_attention_maps(models, request));
  return check_source(models, request);
}

}  // namespace ipa
