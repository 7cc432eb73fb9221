#include "pipeline/generate.h"

#include <algorithm>
#include <cmath>

#include "pipeline/conditioning.h"
#include "pipeline/decoder.h"
#include "pipeline/denoiser.h"
#include "pipeline/linear_preview.h"
#include "schedulers/scheduler.h"
#include "schedulers/torch_noise.h"

namespace ipa {
namespace {

Status check(const ModelSet& models, const GenerateRequest& request) {
  const int64_t scale = models.vae->config().scale();
  for (auto [name, side] : {std::pair{"width", request.width}, std::pair{"height", request.height}})
    if (side < scale || side > 16384 || side % scale)
      return Status(Code::invalid_option, std::string(name) + ": expected a multiple of " +
                                              std::to_string(scale) + " from " + std::to_string(scale) +
                                              " to 16384 but received " + std::to_string(side));
  if (request.seeds.empty()) return Status(Code::invalid_option, "seeds: at least one is needed");
  for (const ImageBranch& branch : request.branches)
    if (!std::isfinite(branch.scale)) return Status(Code::invalid_option, "scale must be a finite number");
  for (const auto* prompts : {&request.prompt, &request.negative})
    for (const TokenChunks& chunks : *prompts)
      for (float weight : chunks.weights)
        if (!std::isfinite(weight))
          return Status(Code::invalid_option, "prompt weights must be finite numbers");
  if (!std::isfinite(request.guidance)) return Status(Code::invalid_option, "guidance must be a finite number");
  if (!(request.guidance_start >= 0 && request.guidance_start <= request.guidance_end &&
        request.guidance_end <= 1))
    return Status(Code::invalid_option,
                  "guidanceInterval: expected two numbers from 0 to 1, the smaller first");
  if (!(request.merge_ratio >= 0 && request.merge_ratio <= 0.75))
    return Status(Code::invalid_option, "tokenMerging: expected 0 to 0.75");
  const int skips = models.unet->skip_connections();
  if (request.cache_every > 1 && (request.cache_depth < 1 || request.cache_depth > skips))
    return Status(Code::invalid_option, "featureCache.depth: expected 1 to " + std::to_string(skips) +
                                            ", the skip connections of this model, but received " +
                                            std::to_string(request.cache_depth));
  return {};
}

SchedulerOptions scheduler_options(const GenerateRequest& request) {
  SchedulerOptions options;
  options.name = request.scheduler;
  options.karras = request.karras;
  options.steps = request.steps;
  options.eta = request.eta;
  return options;
}

}  // namespace

Result<GenerateResult> generate(ModelSet& models, const GenerateRequest& request,
                                const ProgressFunction& progress, const CancelFlag* cancel) {
  IPA_TRY(check(models, request));
  // Options are checked before minutes of work begin.
  IPA_ASSIGN(std::unique_ptr<Scheduler> scheduler,
             make_scheduler(models.scheduler_config, scheduler_options(request)));
  const int64_t scale = models.vae->config().scale();
  const int64_t height = request.height / scale, width = request.width / scale;
  // A model distilled with guidance as an input needs no second half.
  const bool can_guide = request.guidance > 1 && !models.unet->config().time_cond_size;
  const int calls = static_cast<int>(scheduler->timesteps().size());
  const std::vector<StepKind> kinds = plan_steps(calls, can_guide, request);
  const bool guided = std::any_of(kinds.begin(), kinds.end(), [](const StepKind& kind) { return kind.guided; });
  IPA_ASSIGN(Conditioning conditioning, make_conditioning(models, request, guided, cancel));
  IPA_ASSIGN(const std::unique_ptr<Denoiser> denoiser,
             Denoiser::make(models, conditioning, height, width, request.guidance, kinds, request.cache_depth,
                            request.merge_ratio));
  std::unique_ptr<Decoder> decoder;
  auto decode = [&](const float* latents) -> Result<std::vector<uint8_t>> {
    if (!decoder) {
      IPA_ASSIGN(decoder, Decoder::make(models, height, width));
    }
    return decoder->decode(latents, cancel);
  };

  GenerateResult result;
  const auto count = static_cast<size_t>(denoiser->elements());
  std::vector<float> scaled(count), prediction(count);
  const int total = calls * static_cast<int>(request.seeds.size());
  for (size_t image = 0; image < request.seeds.size(); ++image) {
    if (image > 0) {
      IPA_ASSIGN(scheduler, make_scheduler(models.scheduler_config, scheduler_options(request)));
    }
    TorchNoise noise(request.seeds[image]);
    std::vector<float> latents(count);
    noise.fill(latents.data(), count);
    for (float& value : latents) value *= scheduler->init_noise_sigma();
    for (int i = 0; i < calls; ++i) {
      scheduler->scale_model_input(i, latents.data(), scaled.data(), count);
      IPA_TRY(denoiser->predict(kinds[static_cast<size_t>(i)], scaled.data(),
                                scheduler->timesteps()[static_cast<size_t>(i)], prediction.data(), cancel));
      scheduler->step(i, prediction.data(), latents.data(), count, noise);
      if (!progress) continue;
      Progress event;
      event.image = static_cast<int>(image);
      event.step = static_cast<int>(image) * calls + i + 1;
      event.total = total;
      if (request.preview_every > 0 && (i + 1) % request.preview_every == 0 && i + 1 < calls) {
        event.preview_width = request.linear_preview ? width : request.width;
        event.preview_height = request.linear_preview ? height : request.height;
        if (request.linear_preview) {
          if (!models.linear_preview) {
            IPA_ASSIGN(models.linear_preview, LinearPreview::make(models, cancel));
          }
          event.preview = models.linear_preview->paint(scheduler->denoised(), height * width);
        } else {
          IPA_ASSIGN(event.preview, decode(scheduler->denoised()));
        }
      }
      progress(std::move(event));
    }
    if (request.decode) {
      IPA_ASSIGN(std::vector<uint8_t> rgb, decode(latents.data()));
      result.images.push_back(std::move(rgb));
    }
    result.latents.push_back(std::move(latents));
  }
  return result;
}

}  // namespace ipa
