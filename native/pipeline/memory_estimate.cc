#include "pipeline/memory_estimate.h"

#include <algorithm>
#include <string>

#include "base/system_memory.h"

namespace ipa {
namespace {

std::string amount(uint64_t bytes) {
  const bool large = bytes >= uint64_t{1} << 20;
  const uint64_t unit = uint64_t{1} << (large ? 20 : 10);
  return std::to_string(bytes / unit + (bytes % unit != 0)) + (large ? " MB" : " KB");
}

}  // namespace

std::vector<int64_t> tiles_of(const ModelSet& models, const GenerateRequest& request) {
  // A tiny VAE needs little memory as it is.
  if (!needs_decoder(request) || models.vae->config().tiny) return {};
  std::vector<int64_t> tiles;
  for (int64_t tile : {request.vae_tile ? request.vae_tile : 512, request.vae_tile ? 0 : int64_t{256}})
    if (tile >= least_tile(models) && tile < std::max(request.width, request.height)) tiles.push_back(tile);
  return tiles;
}

// Against what there is rather than what is free at the moment: that stays the same, and with it the picture.
bool fits(const MemoryEstimate& found, const ModelSet& models, const GenerateRequest& request) {
  const Backend& decoding = models.backend(Part::vae);
  const auto within = [](uint64_t bytes, uint64_t limit) { return !limit || bytes <= limit; };
  if (request.memory_budget && found.total() > request.memory_budget) return false;
  if (decoding.memory().is_host()) return request.memory_budget || within(found.total(), system_memory().limit);
  for (const MemoryEstimate::OnDevice& one : found.devices)
    if (one.device == decoding.capabilities().device) return within(one.total(), decoding.memory().limit());
  return true;
}

Status check_budget(const MemoryEstimate& found, const ModelSet& models, const GenerateRequest& request) {
  if (!request.memory_budget || found.total() <= request.memory_budget) return {};
  const bool can_tile = !tiles_of(models, request).empty() && request.vae_tiling == Tiling::off;
  return Status(Code::no_memory, "memoryBudget: " + amount(found.total()) + " are needed but " +
                                     amount(request.memory_budget) + " allowed: use a smaller picture" +
                                     (can_tile ? ", leave vaeTiling to auto" : "") + " or a larger budget");
}

}  // namespace ipa
