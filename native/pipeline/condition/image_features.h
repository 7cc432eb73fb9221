// Pictures to what an adapter's image projection reads.
#pragma once

#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/request.h"

namespace ipa {

// Either the picture's image embedding (base adapters) or its penultimate hidden states, class token included
// (plus, full,
// faceid_plus). not_found without an image encoder.
Result<std::vector<float>> encode_image(const Call& call, const Adapter& adapter, const ImagePrompt& image);

// What stands in for the picture in the negative branch: a zero embedding (base), or the hidden states of
// all-zero pixel values (the others), as in the reference implementations. `floats`: size of the positive
// features, which it must equal.
Result<std::vector<float>> negative_features(const Call& call, const Adapter& adapter, size_t floats);

}  // namespace ipa
