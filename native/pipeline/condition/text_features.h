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

// A prompt as its tokens, or as what was made of them before.
struct PromptInput {
  const std::vector<TokenChunks>* tokens;
  const TextEmbeds* embeds = nullptr;

  PromptInput(const std::vector<TokenChunks>* own, const TextEmbeds* given = nullptr)
      : tokens(own), embeds(given && !given->empty() ? given : nullptr) {}
};

// Floats of the pooled features; 0: the model has none.
int64_t pooled_size(const ModelSet& models);

// Every prompt has one TokenChunks per text encoder, or features that were made before. SD 1.x
// and 2.x read the last hidden state after the final norm, SDXL both encoders' penultimate states side by side.
// Token weights scale features; each chunk keeps its mean (AUTOMATIC1111's rule).
// Of the last prompt, the positive one, states `clip_skip` layers earlier are read,
// and the final norm is applied to them where it is to the last; the pooled features stay (diffusers' rules).
class PromptEncoder {
 public:
  using Prompts = std::vector<PromptInput>;

  // Models and prompts outlive it.
  // invalid_option for ids outside the vocabulary, ragged chunks, features of another size, or too many layers skipped.
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
  Status count_tokens(const ModelSet& models);
  bool reads_tokens() const;
  // Of the p-th prompt.
  bool skips_layers(size_t p) const { return clip_skip_ > 0 && p + 1 == prompts_.size(); }
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
