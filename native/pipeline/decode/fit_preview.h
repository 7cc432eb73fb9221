// The linear map for a model's latents.
#pragma once

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/decode/linear_preview.h"

namespace ipa {

// Published factors where the VAE is one of those they were made for,
// otherwise a least-squares fit to what the VAE decodes. The same for every call with the same models.
Result<LinearPreview> make_linear_preview(const Call& call);

}  // namespace ipa
