// Prompts to the features the UNet attends to.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"

namespace ipa {

struct TextFeatures {
  int64_t tokens = 0;           // chunks * context
  std::vector<float> features;  // tokens * cross_size
  std::vector<float> pooled;    // SDXL: of the second encoder's first chunk
};

// Every prompt has one TokenChunks per text encoder. SD 1.x
// and 2.x read the last hidden state after the final norm, SDXL both encoders' penultimate states side by side.
// Token weights scale features; each chunk keeps its mean (AUTOMATIC1111's rule).
// Of the last prompt, the positive one, states `clip_skip` layers earlier are read,
// and the final norm is applied to them where it is to the last; the pooled features stay (diffusers' rules).
class PromptEncoder {
 public:
  using Prompts = std::vector<const std::vector<TokenChunks>*>;

  // Models and prompts outlive it.
  // invalid_option for ids outside the vocabulary, ragged chunks, or too many layers skipped.
  static Result<PromptEncoder> plan(const ModelSet& models, Prompts prompts, int clip_skip);
  // Of each prompt.
  const std::vector<int64_t>& tokens() const { return tokens_; }
  void count(MemoryCount& memory) const;
  // Once. Of each prompt.
  Result<std::vector<TextFeatures>> run(const Call& call);

 private:
  struct Tower {
    const TextTower* loaded = nullptr;
    std::unique_ptr<Program> program;
    Value ids, eos, features, skipped, pooled;
  };
  Status plan_tower(const ModelSet& models, size_t index);
  Status fill(Tower& tower, size_t index) const;
  Status read(const Tower& tower, size_t index, int64_t channel, std::vector<TextFeatures>& results) const;

  Prompts prompts_;
  int clip_skip_ = 0;
  int64_t cross_size_ = 0;
  std::vector<Tower> towers_;
  std::vector<int64_t> tokens_;
};

}  // namespace ipa
