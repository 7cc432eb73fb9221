#include "pipeline/sampler.h"

#include <utility>

#include "base/finite.h"
#include "pipeline/condition/mask_crop.h"
#include "pipeline/decode/fit_preview.h"
#include "pipeline/model_options.h"

namespace ipa {
namespace {

// Later steps would go on from nothing, and the picture would be black.
Status not_finite(int step, int steps) {
  return Status(Code::range,
                "the latents are no finite numbers after step " + std::to_string(step) + " of " +
                    std::to_string(steps) +
                    ": a weight of the model, of an adapter or of a LoRA is damaged, or latents, embeds, "
                    "guidance, scale or a weight in the prompt are too large");
}

}  // namespace

Sampler::Sampler(const Call& call, PreparedCall& prepared, const ProgressFunction& progress,
                 const StepFunction& each_step)
    : call_(call),
      prepared_(prepared),
      request_(prepared.request()),
      progress_(progress),
      each_step_(each_step),
      calls_(prepared.span().calls()),
      count_(static_cast<size_t>(prepared.denoiser().elements())) {}

Status Sampler::make_pictures(size_t first, size_t count, GenerateResult& result) {
  std::vector<Run> runs;
  for (size_t lane = 0; lane < count; ++lane) {
    runs.emplace_back(first + lane, request_.seeds[first + lane]);
    IPA_TRY(begin(lane, runs.back()));
  }
  if (prepared_.maps()) prepared_.maps()->begin_picture();
  for (int i = 0; i < calls_; ++i) {
    IPA_TRY(step(i, runs));
    for (Run& run : runs) {
      if (call_.cancel && call_.cancel->load()) return Status(Code::cancelled, "the call was cancelled");
      IPA_TRY(end_step(i, run));
    }
  }
  for (Run& run : runs) IPA_TRY(finish(run, result));
  return {};
}

Status Sampler::begin(size_t lane, Run& run) {
  IPA_ASSIGN(run.scheduler, prepared_.make_scheduler());
  IPA_ASSIGN(run.beginning, begin_picture(prepared_, run.image, *run.scheduler, run.noise));
  prepared_.denoiser().set_source(lane, std::move(run.beginning.beside));
  run.scaled.resize(count_);
  run.prediction.resize(count_);
  return {};
}

Status Sampler::step(int i, std::vector<Run>& runs) {
  const int index = prepared_.span().first + i;
  IPA_TRY(prepared_.begin_model_call(i));
  std::vector<Denoiser::Picture> pictures;
  for (Run& run : runs) {
    const Scheduler& scheduler = *run.scheduler;
    run.scheduler->scale_model_input(index, run.beginning.latents.data(), run.scaled.data(), count_);
    pictures.push_back(
        {run.scaled.data(), scheduler.timesteps()[static_cast<size_t>(index)], run.prediction.data()});
  }
  return prepared_.denoiser().predict(static_cast<size_t>(i), pictures, call_.cancel);
}

Status Sampler::end_step(int i, Run& run) {
  const int index = prepared_.span().first + i;
  std::vector<float>& latents = run.beginning.latents;
  run.scheduler->step(index, run.prediction.data(), latents.data(), count_, run.noise);
  if (!all_finite(latents.data(), count_)) return not_finite(i + 1, calls_);
  if (!run.beginning.picture.empty())
    blend(prepared_, run.beginning, *run.scheduler, index + 1, i + 1 == calls_, latents);
  ++done_;
  if (each_step_) IPA_TRY(hand_over(i, run));
  return progress_ ? report_step(i, run) : Status();
}

Status Sampler::hand_over(int i, Run& run) {
  const auto index = static_cast<size_t>(prepared_.span().first + i);
  std::vector<float>& latents = run.beginning.latents;
  IPA_TRY(each_step_({static_cast<int>(run.image), i + 1, calls_, run.scheduler->timesteps()[index]}, latents));
  if (latents.size() != count_)
    return Status::option("onStep", "expected " + std::to_string(count_) + " latents in return but received " +
                                        std::to_string(latents.size()));
  return all_finite(latents.data(), count_)
             ? Status()
             : Status::option("onStep", "expected finite latents in return: check what computes them");
}

Progress Sampler::event_of(const Run& run) const {
  Progress event;
  event.image = static_cast<int>(run.image);
  event.step = done_;
  event.total = calls_ * static_cast<int>(request_.seeds.size());
  return event;
}

Status Sampler::report_step(int i, const Run& run) {
  Progress event = event_of(run);
  if (request_.preview_every > 0 && (i + 1) % request_.preview_every == 0 && i + 1 < calls_)
    IPA_TRY(paint_preview(run.scheduler->denoised(), event));
  progress_(std::move(event));
  return {};
}

void Sampler::report_tile(const Run& run, int done, int tiles) const {
  if (!progress_) return;
  Progress event = event_of(run);
  event.tile = done;
  event.tiles = tiles;
  progress_(std::move(event));
}

Status Sampler::finish(Run& run, GenerateResult& result) {
  std::vector<float>& latents = run.beginning.latents;
  if (request_.decode) {
    const auto on_tile = [&](int done, int tiles) { report_tile(run, done, tiles); };
    IPA_ASSIGN(std::vector<uint8_t> rgb, prepared_.decoder()->decode(latents.data(), on_tile, call_.cancel));
    if (keeps_unmasked(call_.models, request_)) {
      IPA_ASSIGN(rgb, keep_unmasked(request_, std::move(rgb)));
    }
    result.images.push_back(std::move(rgb));
  }
  result.latents.push_back(std::move(latents));
  if (prepared_.maps()) result.attention.push_back(prepared_.maps()->means());
  return {};
}

Status Sampler::paint_preview(const float* latents, Progress& event) {
  if (!request_.linear_preview) {
    event.preview_width = request_.width;
    event.preview_height = request_.height;
    IPA_ASSIGN(event.preview, prepared_.decoder()->decode(latents, nullptr, call_.cancel));
    return {};
  }
  IPA_ASSIGN(const LinearPreview* preview, linear_preview());
  const int64_t scale = call_.models.vae->config().scale();
  event.preview_width = request_.width / scale;
  event.preview_height = request_.height / scale;
  event.preview = preview->paint(latents, event.preview_width * event.preview_height);
  return {};
}

Result<const LinearPreview*> Sampler::linear_preview() {
  const std::lock_guard<std::mutex> lock(call_.caches.preview_mutex);
  std::optional<LinearPreview>& preview = call_.caches.linear_preview;
  if (!preview) {
    IPA_ASSIGN(preview, make_linear_preview(call_));
  }
  return &*preview;
}

}  // namespace ipa
