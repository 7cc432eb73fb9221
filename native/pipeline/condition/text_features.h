// Prompts to the features the UNet attends to.
#pragma once

#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/request.h"

namespace ipa {

struct TextFeatures {
  int64_t tokens = 0;           // chunks * context
  std::vector<float> features;  // tokens * cross_size
  std::vector<float> pooled;    // SDXL: of the second encoder's first chunk
};

// Every prompt has one TokenChunks a text encoder. SD 1.x and 2.x read the last hidden state after the final
// norm, SDXL both encoders' penultimate states side by side. Token weights scale features; each chunk keeps its
// mean (AUTOMATIC1111's rule). Of the last prompt, the positive one, states `clip_skip` layers earlier are
// read, and the final norm is applied to them where it is to the last; the pooled features stay (diffusers'
// rules). invalid_option for ids outside the vocabulary, ragged chunks, or too many layers skipped.
Result<std::vector<TextFeatures>> encode_prompts(const Call& call,
                                                 const std::vector<const std::vector<TokenChunks>*>& prompts,
                                                 int clip_skip);

}  // namespace ipa
