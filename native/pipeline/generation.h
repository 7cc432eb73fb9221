// What a generation needs before its first step: its prompts and pictures encoded, the UNet and the VAE decoder
// planned for its size, all in one workspace.
#pragma once

#include <memory>

#include "pipeline/call.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/condition/source_picture.h"
#include "pipeline/decode/decoder.h"
#include "pipeline/sample/denoiser.h"
#include "schedulers/scheduler_table.h"

namespace ipa {

struct Generation {
  std::unique_ptr<SourcePicture> source;  // null for models that take no picture
  Conditioning conditioning;
  std::vector<StepKind> kinds;  // of a picture's model calls
  std::unique_ptr<Denoiser> denoiser;
  std::unique_ptr<Decoder> decoder;  // null when the request needs none
};

// The sampler a request names.
Result<std::unique_ptr<Scheduler>> make_request_scheduler(const ModelSet& models,
                                                          const GenerateRequest& request);

// Whether any picture is made by the VAE.
inline bool needs_decoder(const GenerateRequest& request) {
  return request.decode || (request.preview_every > 0 && !request.linear_preview);
}

// Pixels of a tile's side.
inline int64_t least_tile(const ModelSet& models) { return 16 * models.vae->config().scale(); }

// Errors in the request that need no work to find. invalid_option.
Status check_request(const ModelSet& models, const GenerateRequest& request);

// `calls`: of the model, for a picture. `tile`: as make_decoder takes it. The request has been checked;
// the call's workspace outlives the result.
Result<std::unique_ptr<Generation>> make_generation(const Call& call, const GenerateRequest& request, int calls,
                                                    int64_t tile);

}  // namespace ipa
