#include "pipeline/second_pass.h"

#include <algorithm>
#include <string>
#include <utility>

#include "image/enlarge_around.h"
#include "pipeline/held_bytes.h"
#include "pipeline/prepared_call.h"
#include "pipeline/seamless.h"

namespace ipa {
namespace {

Status check_second_pass(const ModelSet& models, const GenerateRequest& request) {
  if (models.task() != Task::text_to_image)
    return Status::option("hires", std::string("the second pass begins with a picture alone, which ") +
                                       (models.task() == Task::instruct ? "an instruct" : "an inpainting") +
                                       " model does not: leave it out");
  if (request.mask)
    return Status::option("hires", "it changes all of the picture: leave it, or mask and outpaint, out");
  if (request.denoising_end < 1)
    return Status::option("hires", "the first pass has to end with a picture: leave it or denoisingEnd out");
  return {};
}

GenerateRequest first_pass(const GenerateRequest& request) {
  GenerateRequest first = request;
  first.hires_scale = 0;
  first.decode = true;
  first.attention_maps.clear();
  first.bytes_beside += held_bytes(request);
  return first;
}

Size second_size(const ModelSet& models, const GenerateRequest& request) {
  const int64_t unit = models.vae->config().scale();
  const auto grown = [&](int64_t side) {
    return static_cast<int64_t>(static_cast<double>(side) * request.hires_scale) / unit * unit;
  };
  return {grown(request.width), grown(request.height)};
}

// A picture of the first pass as the second one begins with it: that pass enlarges it, as it does any picture,
// but for one whose edges meet. Without pixels, its size.
Result<Picture> between_passes(const ModelSet& models, const GenerateRequest& request, Picture made) {
  const Wrap wrap = wrap_of(request);
  if (!wrap.x && !wrap.y) return made;
  const Size size = second_size(models, request);
  Picture enlarged{{}, size.width, size.height};
  if (made.rgb.empty()) return enlarged;
  IPA_ASSIGN(enlarged.rgb, enlarge_around(made.rgb, {made.width, made.height}, size, wrap.x, wrap.y));
  return enlarged;
}

// With one of the first pass's pictures.
GenerateRequest second_pass(const ModelSet& models, const GenerateRequest& request, size_t image,
                            Picture made) {
  GenerateRequest second = request;
  const Size size = second_size(models, request);
  second.width = size.width;
  second.height = size.height;
  for (ControlUse& use : second.controls)
    for (size_t i = 0; i < use.keypoints.size(); ++i) {
      const auto [from, to] =
          i % 2 ? std::pair{request.height, second.height} : std::pair{request.width, second.width};
      use.keypoints[i] *= static_cast<float>(to) / static_cast<float>(from);
    }
  second.hires_scale = 0;
  second.bytes_beside += held_bytes(request);
  second.pictures_beside = request.seeds.size() - 1;
  // Those of the first pass wait, too, where the second one makes no pictures.
  if (!request.decode) second.bytes_beside += second.pictures_beside * made.bytes();
  second.image = std::move(made);
  second.strength = request.hires_strength;
  second.latents.clear();
  second.denoising_start = 0;
  second.seeds = {request.seeds[image]};
  second.variation_seed += image;
  return second;
}

struct PlannedPass {
  int calls = 0;  // of the model, for a picture
  MemoryEstimate memory;
};

Result<PlannedPass> plan_pass(const ModelSet& models, const GenerateRequest& request) {
  IPA_ASSIGN(const std::unique_ptr<PreparedCall> call, PreparedCall::make(models, request));
  IPA_TRY(check_budget(call->memory(), models, request));
  return PlannedPass{call->span().calls(), call->memory()};
}

// Size and strength of the second pass are those that hires asks for.
Status of_hires(const Status& error, Size size) {
  if (error.option() == "strength") return Status::option("hires.strength", error.message());
  if (error.option() != "width" && error.option() != "height") return error;
  return Status::option("hires.scale", "the second pass has " + std::to_string(size.width) + " x " +
                                           std::to_string(size.height) + " pixels, and its " + error.text());
}

struct BothPlanned {
  PlannedPass first, second;
};

Result<BothPlanned> plan_both(const ModelSet& models, const GenerateRequest& request) {
  IPA_TRY(check_second_pass(models, request));
  BothPlanned both;
  IPA_ASSIGN(both.first, plan_pass(models, first_pass(request)));
  IPA_ASSIGN(Picture begun, between_passes(models, request, Picture{{}, request.width, request.height}));
  Result<PlannedPass> second = plan_pass(models, second_pass(models, request, 0, std::move(begun)));
  if (!second.ok()) return of_hires(second.status(), second_size(models, request));
  both.second = second.take();
  return both;
}

// Reports a pass whose steps come after `before` others, of `total` in all.
ProgressFunction report_within(const ProgressFunction& progress, int before, int total, int image) {
  if (!progress) return {};
  return [&progress, before, total, image](Progress event) {
    event.step += before;
    event.total = total;
    event.image += image;
    progress(std::move(event));
  };
}

// The same of a picture's own steps.
StepFunction hand_over_within(const StepFunction& step, int before, int total, int image) {
  if (!step) return {};
  return [&step, before, total, image](const StepEvent& event, std::vector<float>& latents) {
    StepEvent moved = event;
    moved.image += image;
    moved.step += before;
    moved.steps = total;
    return step(moved, latents);
  };
}

}  // namespace

Result<GenerateResult> generate_twice(const Host& host, const GenerateRequest& request,
                                      const ProgressFunction& progress, const CancelFlag* cancel,
                                      const StepFunction& step) {
  const ModelSet& models = host.models;
  IPA_ASSIGN(const BothPlanned both, plan_both(models, request));
  const auto pictures = static_cast<int>(request.seeds.size());
  const int first = both.first.calls, each = first + both.second.calls;
  const int total = pictures * each;
  IPA_ASSIGN(GenerateResult made, generate_pass(host, first_pass(request), report_within(progress, 0, total, 0),
                                                cancel, hand_over_within(step, 0, each, 0)));
  made.latents.clear();
  GenerateResult result;
  for (int i = 0; i < pictures; ++i) {
    const auto image = static_cast<size_t>(i);
    IPA_ASSIGN(Picture begun, between_passes(models, request,
                                             Picture{std::move(made.images[image]), made.width, made.height}));
    const GenerateRequest second = second_pass(models, request, image, std::move(begun));
    const int before = pictures * first + i * both.second.calls;
    IPA_ASSIGN(GenerateResult one, generate_pass(host, second, report_within(progress, before, total, i),
                                                 cancel, hand_over_within(step, first, each, i)));
    for (std::vector<uint8_t>& rgb : one.images) result.images.push_back(std::move(rgb));
    for (std::vector<float>& latents : one.latents) result.latents.push_back(std::move(latents));
    for (std::vector<ModuleMaps>& maps : one.attention) result.attention.push_back(std::move(maps));
    result.width = one.width;
    result.height = one.height;
  }
  return result;
}

Result<MemoryEstimate> estimate_twice(const ModelSet& models, const GenerateRequest& request) {
  IPA_ASSIGN(const BothPlanned both, plan_both(models, request));
  // The second pass may read more weights, and the first take more beside them.
  MemoryEstimate found = both.second.memory;
  found.working = std::max(found.total(), both.first.memory.total()) - found.weights;
  const auto& first = both.first.memory.devices;
  for (size_t i = 0; i < found.devices.size() && i < first.size(); ++i)
    found.devices[i].working = std::max(found.devices[i].total(), first[i].total()) - found.devices[i].weights;
  return found;
}

}  // namespace ipa
