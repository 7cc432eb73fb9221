// How much memory a generation takes, known before it runs.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

struct MemoryEstimate {
  size_t weights = 0;  // of all that is loaded
  size_t working = 0;  // that the generation adds at its peak
  int64_t tile = 0;    // pixels of the decoder's tiles; 0: the picture is decoded whole
  size_t total() const { return weights + working; }
};

// Makes every plan of the generation and runs none. Pictures of the request may come without pixels; those
// there are count too. Errors as of generate(); a budget that does not suffice is none.
Result<MemoryEstimate> estimate_memory(const ModelSet& models, const GenerateRequest& request);

// The tile that generate() decodes with. no_memory when the request's budget does not suffice in any way it
// allows.
Result<int64_t> choose_tile(const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa
