#include "pipeline/prepared_call.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pipeline/check_request.h"
#include "pipeline/condition/mask_crop.h"
#include "pipeline/decode/plan_decoder.h"
#include "pipeline/held_bytes.h"
#include "pipeline/model_options.h"
#include "pipeline/seamless.h"

namespace ipa {

Result<std::unique_ptr<PreparedCall>> PreparedCall::make(const ModelSet& models,
                                                         const GenerateRequest& request) {
  IPA_TRY(check_request(models, request));
  models.choose_unet(request.mask.has_value());
  std::unique_ptr<PreparedCall> self(new PreparedCall(models, request));
  IPA_TRY(self->plan_steps_and_parts());
  IPA_TRY(self->choose_decoder());
  self->begin_bytes_ = self->count_parts(self->decoder_.get()).peak();
  return self;
}

Result<std::unique_ptr<Scheduler>> PreparedCall::make_scheduler() const {
  IPA_ASSIGN(std::unique_ptr<Scheduler> scheduler, make_request_scheduler(models_, request_));
  if (span_.first > 0 && request_.denoising_start == 0) IPA_TRY(scheduler->begin_at(span_.first));
  return scheduler;
}

// Where a step is so short that one picture leaves cores idle, pictures advance together.
size_t PreparedCall::pictures_at_once() const {
  constexpr double short_step = 2e10;  // weights times latents
  constexpr size_t most = 8;
  const int64_t scale = models_.vae->config().scale();
  const auto latents = static_cast<double>(request_.width / scale * (request_.height / scale));
  const bool single = controls_ || inpaint_ || maps_ || request_.cache_every > 1;
  if (single || latents * static_cast<double>(models_.unet->params.elements()) > short_step) return 1;
  return std::min(most, request_.seeds.size());
}

Status PreparedCall::plan_steps_and_parts() {
  IPA_ASSIGN(const std::unique_ptr<Scheduler> scheduler, make_request_scheduler(models_, request_));
  const double strength = cuts_original_steps(models_, request_) ? 1 : strength_of(models_, request_);
  IPA_ASSIGN(span_, step_span(*scheduler, models_.scheduler_config, request_, strength));
  IPA_TRY(make_scheduler().status());
  // A model distilled with guidance as an input needs no second half.
  const bool can_guide = request_.guidance > 1 && !models_.unet->config().time_cond_size;
  kinds_ = plan_steps(span_.calls(), can_guide, request_);
  const bool guided =
      std::any_of(kinds_.begin(), kinds_.end(), [](const StepKind& kind) { return kind.guided; });
  if (!guided) IPA_TRY(check_unguided());
  IPA_ASSIGN(source_, SourcePicture::plan(models_, request_));
  IPA_ASSIGN(conditioning_,
             Conditioning::plan(models_, request_, Guidance(models_.task(), request_).parts(guided)));
  const ControlCall call{models_, request_, *conditioning_, kinds_};
  IPA_ASSIGN(controls_, Controls::plan(call));
  IPA_ASSIGN(inpaint_, InpaintRun::plan(models_, request_));
  maps_ = AttentionMaps::plan(models_, request_, *conditioning_);
  IPA_ASSIGN(denoiser_, Denoiser::plan(call, controls_.get(), inpaint_.get(), maps_.get(), pictures_at_once()));
  return {};
}

// Without guidance there is no negative half.
Status PreparedCall::check_unguided() const {
  if (request_.negative_images.empty()) return {};
  const bool distilled = models_.unet->config().time_cond_size;
  return Status::option(
      "negativeImagePrompts",
      std::string("guidance leads away from them, and ") +
          (distilled ? "this model has its own, which takes none: leave them out"
                     : "no step of this call has any: use a guidance above 1, or leave them out"));
}

Result<std::unique_ptr<Decoder>> PreparedCall::plan_decoder_in(int64_t tile) const {
  if (!needs_decoder(request_)) return std::unique_ptr<Decoder>();
  const int64_t scale = models_.vae->config().scale();
  return plan_decoder(models_, request_.height / scale, request_.width / scale, tile, wrap_of(request_));
}

Status PreparedCall::choose_decoder() {
  const std::vector<int64_t> tiles = tiles_of(models_, request_);
  const int64_t first = request_.vae_tiling == Tiling::on && !tiles.empty() ? tiles.front() : 0;
  IPA_ASSIGN(decoder_, plan_decoder_in(first));
  memory_ = estimate(decoder_.get(), first);
  if (request_.vae_tiling != Tiling::automatic) return {};
  for (const int64_t tile : tiles) {
    if (fits(memory_, models_, request_)) break;
    IPA_ASSIGN(std::unique_ptr<Decoder> tiled, plan_decoder_in(tile));
    const MemoryEstimate found = estimate(tiled.get(), tile);
    // Where the UNet takes the most, tiles save nothing.
    if (found.working >= memory_.working) continue;
    memory_ = found;
    decoder_ = std::move(tiled);
  }
  return {};
}

MemoryCount PreparedCall::count_parts(const Decoder* decoder) const {
  MemoryCount memory;
  if (source_) source_->count(memory);
  conditioning_->count(memory);
  if (controls_) controls_->count(memory);
  if (inpaint_) inpaint_->count(memory);
  if (maps_) maps_->count(memory);
  denoiser_->count(memory);
  if (decoder) decoder->count(memory);
  return memory;
}

// Of every device once, whichever parts it has.
std::vector<MemoryEstimate::OnDevice> PreparedCall::on_devices(const MemoryCount& memory) const {
  std::vector<MemoryEstimate::OnDevice> devices;
  std::set<const MemorySpace*> seen = {&host_memory()};
  for (size_t part = 0; part < part_count; ++part) {
    const Backend& backend = models_.backend(static_cast<Part>(part));
    const MemorySpace& space = backend.memory();
    if (!seen.insert(&space).second) continue;
    devices.push_back({backend.capabilities().device, models_.memory_bytes_on(space), memory.peak_on(space)});
    const bool decodes = &space == &models_.backend(Part::vae).memory();
    if (decodes && source_) devices.back().weights += source_->bytes_to_load();
  }
  return devices;
}

MemoryEstimate PreparedCall::estimate(const Decoder* decoder, int64_t tile) const {
  const size_t pictures = request_.seeds.size();
  const auto rgb = static_cast<size_t>(3 * request_.width * request_.height);
  const auto latents = static_cast<size_t>(denoiser_->elements());
  const Size size = output_size(request_);
  const auto output = static_cast<size_t>(3 * size.width * size.height);
  const size_t maps = maps_ ? maps_->result_bytes() : 0;
  const size_t each = latents * sizeof(float) + (request_.decode ? output : 0) + maps;
  const size_t results = pictures * each;
  const size_t waiting = request_.pictures_beside * each;

  MemoryCount memory = count_parts(decoder);
  // Scaled latents, prediction, and about as many states as samplers of a high order keep.
  constexpr size_t sampler_states = 6;
  // A preview, and its copy on the other side.
  const size_t preview = request_.preview_every > 0 ? 2 * rgb : 0;
  memory.passing(sampler_states * latents * sizeof(float) * denoiser_->pictures() + results + preview);
  if (request_.decode && keeps_unmasked(models_, request_))
    memory.passing(results + keep_unmasked_bytes(request_));
  MemoryEstimate found;
  found.weights = models_.memory_bytes() + (source_ ? source_->bytes_to_load() : 0);
  // Results are handed over by copying, when the arena alone is left.
  found.working = held_bytes(request_) + request_.bytes_beside +
                  std::max(memory.peak() + waiting, memory.arena() + 2 * (results + waiting));
  found.tile = tile;
  found.devices = on_devices(memory);
  return found;
}

Status PreparedCall::begin(const Call& call) {
  if (source_) IPA_TRY(source_->run(call));
  IPA_TRY(conditioning_->run(call));
  if (controls_) IPA_TRY(controls_->begin(call));
  if (inpaint_) IPA_TRY(inpaint_->begin(call));
  if (maps_) IPA_TRY(maps_->take(call.workspace));
  IPA_TRY(denoiser_->prepare(call.workspace));
  return decoder_ ? decoder_->prepare(call.workspace) : Status();
}

}  // namespace ipa
