#include "pipeline/generate.h"

#include "base/finite.h"
#include "pipeline/decode/fit_preview.h"
#include "pipeline/generation.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/sample/step_span.h"
#include "schedulers/torch_noise.h"

namespace ipa {
namespace {

Status paint_preview(const Call& call, const GenerateRequest& request, const Generation& generation,
                     const float* latents, Progress& event) {
  if (!request.linear_preview) {
    event.preview_width = request.width;
    event.preview_height = request.height;
    IPA_ASSIGN(event.preview, generation.decoder->decode(latents, nullptr, call.cancel));
    return {};
  }
  std::optional<LinearPreview>& preview = call.caches.linear_preview;
  if (!preview) {
    IPA_ASSIGN(preview, make_linear_preview(call));
  }
  const int64_t scale = call.models.vae->config().scale();
  event.preview_width = request.width / scale;
  event.preview_height = request.height / scale;
  event.preview = preview->paint(latents, event.preview_width * event.preview_height);
  return {};
}

std::vector<float> initial_latents(const GenerateRequest& request, size_t image, size_t count, Noise& noise) {
  if (!request.latents.empty()) return request.latents[request.latents.size() == 1 ? 0 : image];
  std::vector<float> latents(count);
  noise.fill(latents.data(), count);
  return latents;
}

// Later steps would go on from nothing, and the picture would be black.
Status not_finite(int step, int steps) {
  return Status(Code::range,
                "the latents are no finite numbers after step " + std::to_string(step) + " of " +
                    std::to_string(steps) +
                    ": a weight of the model, of an adapter or of a LoRA is damaged, or latents, embeds, "
                    "guidance, scale or a weight in the prompt are too large");
}

}  // namespace

Result<GenerateResult> generate(const ModelSet& models, Caches& caches, const GenerateRequest& request,
                                const ProgressFunction& progress, const CancelFlag* cancel) {
  IPA_TRY(check_request(models, request));
  // Options are checked before minutes of work begin.
  IPA_ASSIGN(std::unique_ptr<Scheduler> scheduler, make_request_scheduler(models, request));
  IPA_ASSIGN(const int64_t tile, choose_tile(models, request));
  IPA_ASSIGN(const StepSpan span, step_span(*scheduler, models.scheduler_config, request));
  const int calls = span.calls();
  // A budget is for this call's own memory, not for what an earlier one left.
  const bool thrifty = request.memory_budget > 0;
  if (thrifty) caches.arenas.drop();
  Workspace workspace(thrifty ? nullptr : &caches.arenas);
  const Call call{models, caches, workspace, cancel};
  IPA_ASSIGN(const std::unique_ptr<Generation> generation, make_generation(call, request, calls, tile));
  Denoiser& denoiser = *generation->denoiser;

  GenerateResult result;
  const auto count = static_cast<size_t>(denoiser.elements());
  std::vector<float> scaled(count), prediction(count);
  const int total = calls * static_cast<int>(request.seeds.size());
  for (size_t image = 0; image < request.seeds.size(); ++image) {
    if (image > 0) {
      IPA_ASSIGN(scheduler, make_request_scheduler(models, request));
    }
    TorchNoise noise(request.seeds[image]);
    std::vector<float> latents = initial_latents(request, image, count, noise);
    // Another call's latents have their noise in them.
    if (request.denoising_start == 0)
      for (float& value : latents) value *= scheduler->init_noise_sigma();
    if (generation->source) denoiser.set_source(generation->source->channels(noise));
    for (int i = 0; i < calls; ++i) {
      const int index = span.first + i;
      scheduler->scale_model_input(index, latents.data(), scaled.data(), count);
      IPA_TRY(denoiser.predict(generation->kinds[static_cast<size_t>(i)], scaled.data(),
                               scheduler->timesteps()[static_cast<size_t>(index)], prediction.data(), cancel));
      scheduler->step(index, prediction.data(), latents.data(), count, noise);
      if (!all_finite(latents.data(), count)) return not_finite(i + 1, calls);
      if (!progress) continue;
      Progress event;
      event.image = static_cast<int>(image);
      event.step = static_cast<int>(image) * calls + i + 1;
      event.total = total;
      if (request.preview_every > 0 && (i + 1) % request.preview_every == 0 && i + 1 < calls) {
        IPA_TRY(paint_preview(call, request, *generation, scheduler->denoised(), event));
      }
      progress(std::move(event));
    }
    if (request.decode) {
      auto on_tile = [&](int done, int tiles) {
        if (!progress) return;
        Progress event;
        event.image = static_cast<int>(image);
        event.step = static_cast<int>(image + 1) * calls;
        event.total = total;
        event.tile = done;
        event.tiles = tiles;
        progress(std::move(event));
      };
      IPA_ASSIGN(std::vector<uint8_t> rgb, generation->decoder->decode(latents.data(), on_tile, cancel));
      result.images.push_back(std::move(rgb));
    }
    result.latents.push_back(std::move(latents));
  }
  return result;
}

}  // namespace ipa
