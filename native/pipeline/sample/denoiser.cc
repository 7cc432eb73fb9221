#include "pipeline/sample/denoiser.h"

#include <algorithm>

#include "pipeline/seamless.h"

namespace ipa {

Denoiser::Denoiser(const ControlCall& call, Controls* controls, AttentionMaps* maps, int64_t pixels)
    : config_(call.models.unet->config()),
      kinds_(call.kinds),
      controls_(controls),
      maps_(maps),
      guidance_(call.models.task(), call.request),
      guidance_scale_(call.request.guidance),
      pixels_(pixels) {}

Result<std::unique_ptr<Denoiser>> Denoiser::plan(const ControlCall& call, Controls* controls,
                                                 const InpaintRun* inpaint, AttentionMaps* maps,
                                                 size_t pictures) {
  const auto& [models, request, conditioning, kinds] = call;
  const int64_t scale = models.vae->config().scale();
  UNetProgramShape shape;
  shape.height = request.height / scale;
  shape.width = request.width / scale;
  shape.merge_ratio = request.merge_ratio;
  shape.wrap = wrap_of(request);
  if (controls) shape.additions = &controls->additions();
  shape.inpaint = inpaint;
  shape.maps = maps;
  const auto is_shallow = [](const StepKind& kind) { return !kind.full; };
  if (std::any_of(kinds.begin(), kinds.end(), is_shallow)) shape.feature_depth = request.cache_depth;
  std::unique_ptr<Denoiser> self(new Denoiser(call, controls, maps, shape.height * shape.width));
  self->lanes_.resize(pictures);
  for (Lane& lane : self->lanes_) IPA_TRY(self->plan_lane(call, shape, lane));
  return self;
}

Status Denoiser::plan_lane(const ControlCall& call, UNetProgramShape shape, Lane& lane) const {
  const auto& [models, request, conditioning, kinds] = call;
  for (const StepKind& kind : kinds) {
    Programs& programs = kind.guided ? lane.guided : lane.plain;
    shape.batch = static_cast<int64_t>(guidance_.parts(kind.guided).size());
    shape.first = conditioning.batch() - shape.batch;  // the part that runs alone comes last
    if (!programs.full) {
      IPA_ASSIGN(programs.full, UNetProgram::plan(models, conditioning, shape, nullptr));
    }
    if (!kind.full && !programs.shallow) {
      IPA_ASSIGN(programs.shallow, UNetProgram::plan(models, conditioning, shape, programs.full.get()));
    }
  }
  return {};
}

void Denoiser::count(MemoryCount& memory) const {
  for (const Lane& lane : lanes_)
    for (const Programs* programs : {&lane.guided, &lane.plain})
      for (const auto* program : {&programs->full, &programs->shallow})
        if (*program) (*program)->count(memory);
}

Status Denoiser::prepare(Workspace& workspace) {
  for (const Lane& lane : lanes_)
    for (const Programs* programs : {&lane.guided, &lane.plain})
      for (const auto* program : {&programs->full, &programs->shallow})
        if (*program) IPA_TRY((*program)->prepare(workspace, guidance_scale_));
  return {};
}

UNetProgram& Denoiser::program_of(Lane& lane, StepKind kind) const {
  Programs& programs = kind.guided ? lane.guided : lane.plain;
  return kind.full ? *programs.full : *programs.shallow;
}

void Denoiser::fill_input(const GuidancePart& part, const float* latents, const std::vector<float>& source) {
  const int64_t all = config_.in_channels, own = config_.out_channels;
  input_.resize(static_cast<size_t>(pixels_ * all));
  for (int64_t c = 0; c < all; ++c) {
    const float* from = c < own ? latents + c * pixels_ : source.data() + (c - own) * pixels_;
    const bool blank = c >= own && !part.picture;
    for (int64_t p = 0; p < pixels_; ++p) {
      const float value = blank ? 0.0f : from[p];
      input_[static_cast<size_t>(p * all + c)] = config_.center_input_sample ? 2 * value - 1 : value;
    }
  }
}

Status Denoiser::set_inputs(Lane& lane, StepKind kind, const Picture& picture) {
  if (lane.source.size() != static_cast<size_t>((config_.in_channels - config_.out_channels) * pixels_))
    return Status(Code::internal, "the UNet reads channels that it was not given");
  UNetProgram& program = program_of(lane, kind);
  const std::vector<GuidancePart> parts = guidance_.parts(kind.guided);
  for (size_t item = 0; item < parts.size(); ++item) {
    fill_input(parts[item], picture.latents, lane.source);
    IPA_TRY(program.set_latents(item, input_));
  }
  return program.set_timestep(picture.timestep);
}

Status Denoiser::combine_outputs(Lane& lane, StepKind kind, float* prediction) {
  const auto count = static_cast<size_t>(elements());
  outputs_.resize(guidance_.parts(kind.guided).size() * count);
  combined_.resize(count);
  IPA_TRY(program_of(lane, kind).get_output(outputs_));
  guidance_.combine(kind.guided, outputs_.data(), count, combined_.data());
  const int64_t channels = config_.out_channels;
  for (int64_t p = 0; p < pixels_; ++p)
    for (int64_t c = 0; c < channels; ++c)
      prediction[c * pixels_ + p] = combined_[static_cast<size_t>(p * channels + c)];
  return {};
}

Status Denoiser::predict(size_t i, const std::vector<Picture>& pictures, const CancelFlag* cancel) {
  const StepKind kind = kinds_[i];
  if (controls_) IPA_TRY(controls_->run(i, pictures[0].latents, pictures[0].timestep, cancel));
  std::vector<UNetProgram*> programs;
  for (size_t k = 0; k < pictures.size(); ++k) {
    IPA_TRY(set_inputs(lanes_[k], kind, pictures[k]));
    programs.push_back(&program_of(lanes_[k], kind));
  }
  IPA_TRY(UNetProgram::run_all(programs, cancel));
  if (maps_) maps_->add(programs[0]->mapped());
  for (size_t k = 0; k < pictures.size(); ++k)
    IPA_TRY(combine_outputs(lanes_[k], kind, pictures[k].prediction));
  return {};
}

}  // namespace ipa
