#include "pipeline/generation.h"

#include <cmath>

namespace ipa {

Status check_request(const ModelSet& models, const GenerateRequest& request) {
  const int64_t scale = models.vae->config().scale();
  for (auto [name, side] : {std::pair{"width", request.width}, std::pair{"height", request.height}})
    if (side < scale || side > 16384 || side % scale)
      return Status(Code::invalid_option, std::string(name) + ": expected a multiple of " +
                                              std::to_string(scale) + " from " + std::to_string(scale) +
                                              " to 16384 but received " + std::to_string(side));
  if (request.vae_tile < 16 * scale || request.vae_tile % scale)
    return Status(Code::invalid_option, "vaeTile: expected a multiple of " + std::to_string(scale) + " from " +
                                            std::to_string(16 * scale) + " on but received " +
                                            std::to_string(request.vae_tile));
  if (request.seeds.empty()) return Status(Code::invalid_option, "seeds: at least one is needed");
  for (const ImageBranch& branch : request.branches)
    if (!std::isfinite(branch.scale)) return Status(Code::invalid_option, "scale must be a finite number");
  for (const auto* prompts : {&request.prompt, &request.negative})
    for (const TokenChunks& chunks : *prompts)
      for (float weight : chunks.weights)
        if (!std::isfinite(weight))
          return Status(Code::invalid_option, "prompt weights must be finite numbers");
  if (!std::isfinite(request.guidance)) return Status(Code::invalid_option, "guidance must be a finite number");
  return {};
}

Result<std::unique_ptr<Generation>> make_generation(ModelSet& models, const GenerateRequest& request,
                                                    int64_t tile, Workspace& workspace,
                                                    const CancelFlag* cancel) {
  const int64_t scale = models.vae->config().scale();
  const int64_t height = request.height / scale, width = request.width / scale;
  // A model distilled with guidance as an input needs no second half.
  const bool guided = request.guidance > 1 && !models.unet->config().time_cond_size;
  auto generation = std::make_unique<Generation>();
  IPA_ASSIGN(generation->conditioning, make_conditioning(models, request, guided, workspace, cancel));
  IPA_ASSIGN(generation->denoiser,
             Denoiser::make(models, generation->conditioning, height, width, request.guidance, workspace));
  if (request.decode || request.preview_every > 0) {
    IPA_ASSIGN(generation->decoder, Decoder::make(models, height, width, tile, workspace));
  }
  return generation;
}

}  // namespace ipa
