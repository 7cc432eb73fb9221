// The pictures and faces of one branch to the image tokens that cross-attention reads.
#pragma once

#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/request.h"

namespace ipa {

struct BranchTokens {
  std::vector<float> values;  // (batch, tokens, cross_size)
  int64_t tokens = 0;         // of all pictures, in one row
};

// With `guided` those of the unconditional half come first: of no picture and no face. Code::mismatch when
// embeddings are not of the adapter's size, invalid_option when a face or picture is missing, not_found without
// an image encoder.
Result<BranchTokens> branch_tokens(const Call& call, Adapter& adapter, const ImageBranch& branch, bool guided);

}  // namespace ipa
