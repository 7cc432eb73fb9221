#include "pipeline/memory_estimate.h"

#include <algorithm>
#include <vector>

#include "base/system_memory.h"
#include "pipeline/generation.h"
#include "pipeline/sample/step_span.h"

namespace ipa {
namespace {

// Sides of tiles to try, the best first, of those smaller than the picture: larger ones differ less from the
// whole.
std::vector<int64_t> tiles_of(const ModelSet& models, const GenerateRequest& request) {
  // A tiny VAE needs little memory as it is.
  if (!needs_decoder(request) || models.vae->config().tiny) return {};
  std::vector<int64_t> tiles;
  for (int64_t tile : {request.vae_tile ? request.vae_tile : 512, request.vae_tile ? 0 : int64_t{256}})
    if (tile >= least_tile(models) && tile < std::max(request.width, request.height)) tiles.push_back(tile);
  return tiles;
}

Result<MemoryEstimate> estimate(const ModelSet& models, const GenerateRequest& request, int64_t tile) {
  const auto pictures = request.seeds.size();
  const auto rgb = static_cast<size_t>(3 * request.width * request.height);
  const auto results = [&](size_t latents) {
    return pictures * (latents * sizeof(float) + (request.decode ? rgb : 0));
  };
  size_t prompts = 0;
  for (const ImageBranch& branch : request.branches)
    for (const ImagePrompt& image : branch.images)
      prompts += image.rgb.size() + image.embeds.size() * sizeof(float);
  for (const auto* picture : {&request.image, &request.mask})
    if (*picture) prompts += (*picture)->rgb.size();

  IPA_ASSIGN(const std::unique_ptr<Scheduler> scheduler, make_request_scheduler(models, request));
  Caches caches;
  Workspace dry(true);
  const Held held_prompts(dry, prompts);
  size_t latents = 0;
  {
    IPA_ASSIGN(const StepSpan span, step_span(*scheduler, models.scheduler_config, request));
    IPA_ASSIGN(const std::unique_ptr<Generation> generation,
               make_generation({models, caches, dry}, request, span.calls(), tile));
    latents = static_cast<size_t>(generation->denoiser->elements());
    // Scaled latents, prediction, and about as many states as samplers of a high order keep.
    constexpr size_t sampler_states = 6;
    const Held held_sampler(dry, sampler_states * latents * sizeof(float));
    const Held held_results(dry, results(latents));
    // A preview, and its copy on the other side.
    const Held held_preview(dry, request.preview_every > 0 ? 2 * rgb : 0);
  }
  // Handed over by copying.
  { const Held handed_over(dry, 2 * results(latents)); }
  MemoryEstimate result;
  result.weights = models.memory_bytes();
  result.working = dry.peak();
  result.tile = tile;
  return result;
}

// What there is, where it says so: unlike what is free at the moment it stays the same, and with it the
// picture.
uint64_t budget_of(const GenerateRequest& request) {
  return request.memory_budget ? request.memory_budget : system_memory().limit;
}

std::string amount(uint64_t bytes) {
  const bool large = bytes >= uint64_t{1} << 20;
  const uint64_t unit = uint64_t{1} << (large ? 20 : 10);
  return std::to_string(bytes / unit + (bytes % unit != 0)) + (large ? " MB" : " KB");
}

}  // namespace

Result<MemoryEstimate> estimate_memory(const ModelSet& models, const GenerateRequest& request) {
  IPA_TRY(check_request(models, request));
  const std::vector<int64_t> tiles = tiles_of(models, request);
  if (request.vae_tiling == Tiling::on) return estimate(models, request, tiles.empty() ? 0 : tiles.front());
  IPA_ASSIGN(MemoryEstimate best, estimate(models, request, 0));
  const uint64_t budget = budget_of(request);
  if (request.vae_tiling == Tiling::off || !budget) return best;
  for (const int64_t tile : tiles) {
    if (best.total() <= budget) break;
    IPA_ASSIGN(const MemoryEstimate tiled, estimate(models, request, tile));
    // Where the UNet takes the most, tiles save nothing.
    if (tiled.working < best.working) best = tiled;
  }
  return best;
}

Result<int64_t> choose_tile(const ModelSet& models, const GenerateRequest& request) {
  const std::vector<int64_t> tiles = tiles_of(models, request);
  if (!request.memory_budget) {
    if (tiles.empty() || request.vae_tiling == Tiling::off) return int64_t{0};
    if (request.vae_tiling == Tiling::on) return tiles.front();
  }
  IPA_ASSIGN(const MemoryEstimate found, estimate_memory(models, request));
  if (request.memory_budget && found.total() > request.memory_budget) {
    const bool can_tile = !tiles.empty() && request.vae_tiling == Tiling::off;
    return Status(Code::no_memory, "memoryBudget: " + amount(found.total()) + " are needed but " +
                                       amount(request.memory_budget) + " allowed: use a smaller picture" +
                                       (can_tile ? ", leave vaeTiling to auto" : "") + " or a larger budget");
  }
  return found.tile;
}

}  // namespace ipa
