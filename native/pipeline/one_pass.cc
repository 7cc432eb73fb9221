#include "pipeline/one_pass.h"

#include <utility>

#include "base/finite.h"
#include "pipeline/beginning.h"
#include "pipeline/condition/mask_crop.h"
#include "pipeline/decode/fit_preview.h"
#include "pipeline/model_options.h"
#include "pipeline/prepared_call.h"
#include "schedulers/torch_noise.h"

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

// Makes the pictures of a call, one after the other.
class Sampler {
 public:
  Sampler(const Call& call, PreparedCall& prepared, const ProgressFunction& progress,
          const StepFunction& each_step)
      : call_(call),
        prepared_(prepared),
        request_(prepared.request()),
        progress_(progress),
        each_step_(each_step),
        calls_(prepared.span().calls()),
        count_(static_cast<size_t>(prepared.denoiser().elements())),
        scaled_(count_),
        prediction_(count_) {}

  Status make_picture(size_t image, GenerateResult& result) {
    IPA_ASSIGN(const std::unique_ptr<Scheduler> scheduler, prepared_.make_scheduler());
    TorchNoise noise(request_.seeds[image]);
    IPA_ASSIGN(Beginning beginning, begin_picture(prepared_, image, *scheduler, noise));
    std::vector<float>& latents = beginning.latents;
    if (prepared_.maps()) prepared_.maps()->begin_picture();
    for (int i = 0; i < calls_; ++i) {
      IPA_TRY(step(i, *scheduler, latents, noise));
      if (!beginning.picture.empty())
        blend(prepared_, beginning, *scheduler, prepared_.span().first + i + 1, i + 1 == calls_, latents);
      if (each_step_) IPA_TRY(hand_over(image, i, *scheduler, latents));
      if (progress_) IPA_TRY(report_step(image, i, *scheduler));
    }
    if (request_.decode) {
      const auto on_tile = [&](int done, int tiles) { report_tile(image, done, tiles); };
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

 private:
  Status step(int i, Scheduler& scheduler, std::vector<float>& latents, Noise& noise) {
    const int index = prepared_.span().first + i;
    IPA_TRY(prepared_.begin_model_call(i));
    scheduler.scale_model_input(index, latents.data(), scaled_.data(), count_);
    IPA_TRY(prepared_.denoiser().predict(static_cast<size_t>(i), scaled_.data(),
                                         scheduler.timesteps()[static_cast<size_t>(index)], prediction_.data(),
                                         call_.cancel));
    scheduler.step(index, prediction_.data(), latents.data(), count_, noise);
    return all_finite(latents.data(), count_) ? Status() : not_finite(i + 1, calls_);
  }

  Status hand_over(size_t image, int i, const Scheduler& scheduler, std::vector<float>& latents) {
    const auto index = static_cast<size_t>(prepared_.span().first + i);
    IPA_TRY(each_step_({static_cast<int>(image), i + 1, calls_, scheduler.timesteps()[index]}, latents));
    if (latents.size() != count_)
      return Status::option("onStep", "expected " + std::to_string(count_) +
                                          " latents in return but received " + std::to_string(latents.size()));
    return all_finite(latents.data(), count_)
               ? Status()
               : Status::option("onStep", "expected finite latents in return: check what computes them");
  }

  Progress event_of(size_t image, int done) const {
    Progress event;
    event.image = static_cast<int>(image);
    event.step = static_cast<int>(image) * calls_ + done;
    event.total = calls_ * static_cast<int>(request_.seeds.size());
    return event;
  }

  Status report_step(size_t image, int i, const Scheduler& scheduler) {
    Progress event = event_of(image, i + 1);
    if (request_.preview_every > 0 && (i + 1) % request_.preview_every == 0 && i + 1 < calls_)
      IPA_TRY(paint_preview(scheduler.denoised(), event));
    progress_(std::move(event));
    return {};
  }

  void report_tile(size_t image, int done, int tiles) const {
    if (!progress_) return;
    Progress event = event_of(image, calls_);
    event.tile = done;
    event.tiles = tiles;
    progress_(std::move(event));
  }

  Status paint_preview(const float* latents, Progress& event) {
    if (!request_.linear_preview) {
      event.preview_width = request_.width;
      event.preview_height = request_.height;
      IPA_ASSIGN(event.preview, prepared_.decoder()->decode(latents, nullptr, call_.cancel));
      return {};
    }
    std::optional<LinearPreview>& preview = call_.caches.linear_preview;
    if (!preview) {
      IPA_ASSIGN(preview, make_linear_preview(call_));
    }
    const int64_t scale = call_.models.vae->config().scale();
    event.preview_width = request_.width / scale;
    event.preview_height = request_.height / scale;
    event.preview = preview->paint(latents, event.preview_width * event.preview_height);
    return {};
  }

  const Call& call_;
  PreparedCall& prepared_;
  const GenerateRequest& request_;
  const ProgressFunction& progress_;
  const StepFunction& each_step_;
  const int calls_;
  const size_t count_;
  std::vector<float> scaled_, prediction_;
};

}  // namespace

Result<GenerateResult> generate_pass(const ModelSet& models, Caches& caches, const GenerateRequest& request,
                                     const ProgressFunction& progress, const CancelFlag* cancel,
                                     const StepFunction& step) {
  // A budget is for this call's own memory, not for what an earlier one left.
  const bool thrifty = request.memory_budget > 0;
  Workspace workspace(thrifty ? nullptr : &caches.arenas);
  IPA_ASSIGN(const std::unique_ptr<PreparedCall> prepared, PreparedCall::make(models, request));
  IPA_TRY(check_budget(prepared->memory(), models, request));
  if (thrifty) caches.arenas.drop();
  const Call call{models, caches, workspace, cancel};
  IPA_TRY(prepared->begin(call));
  Sampler sampler(call, *prepared, progress, step);
  GenerateResult result;
  const Size size = output_size(request);
  result.width = size.width;
  result.height = size.height;
  for (size_t image = 0; image < request.seeds.size(); ++image) IPA_TRY(sampler.make_picture(image, result));
  return result;
}

}  // namespace ipa
