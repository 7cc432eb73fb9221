// What a generation needs before its first step: its prompts encoded, the UNet and the VAE decoder planned for
// its size, all in one workspace.
#pragma once

#include <memory>

#include "graph/workspace.h"
#include "pipeline/conditioning.h"
#include "pipeline/decoder.h"
#include "pipeline/denoiser.h"

namespace ipa {

struct Generation {
  Conditioning conditioning;
  std::unique_ptr<Denoiser> denoiser;
  std::unique_ptr<Decoder> decoder;  // null when the request wants no pictures
};

// Errors in the request that need no work to find. invalid_option.
Status check_request(const ModelSet& models, const GenerateRequest& request);

// `tile`: as Decoder::make takes it. The request has been checked; workspace outlives the result.
Result<std::unique_ptr<Generation>> make_generation(ModelSet& models, const GenerateRequest& request,
                                                    int64_t tile, Workspace& workspace,
                                                    const CancelFlag* cancel);

}  // namespace ipa
