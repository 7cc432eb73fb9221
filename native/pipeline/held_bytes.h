// What a request itself holds while it runs.
#pragma once

#include <cstddef>

#include "pipeline/request.h"

namespace ipa {

// Bytes of its pictures, embeddings and latents: the same with the pixels and where sizes alone are known.
size_t held_bytes(const GenerateRequest& request);

}  // namespace ipa
