// What the prompts become before the first step: keys and values of every cross-attention layer,
// and SDXL's size conditions. They stay the same for a whole generation.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/condition/branch_scales.h"
#include "pipeline/condition/image_tokens.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"
#include "pipeline/sample/guidance.h"

namespace ipa {

// The keys and values that one prompt gives the cross layers, with the program in whose memory they lie.
struct PackedKeys {
  std::unique_ptr<Program> program;
  std::vector<Value> inputs;
  std::vector<Value> values;  // one per cross layer; invalid where the branch has none
  int64_t tokens = 0;

  static Result<PackedKeys> plan(const ModelSet& models, Graph graph, std::vector<Value> inputs,
                                 std::vector<Value> keys);
  // `data`: for each input.
  Status run(const Call& call, const std::vector<std::vector<float>>& data);
};

// Of the request's branches the first whose adapter makes tokens of a face for InstantID; -1: there is none.
int face_branch(const ModelSet& models, const GenerateRequest& request);

class Conditioning {
 public:
  // For a batch of these parts. Models and request outlive it.
  // Errors of its encoders; invalid_option when the prompts do not go together.
  static Result<std::unique_ptr<Conditioning>> plan(const ModelSet& models, const GenerateRequest& request,
                                                    std::vector<GuidancePart> parts);
  void count(MemoryCount& memory) const;
  // Encodes prompts and pictures. Once, and before any of what follows is read.
  Status run(const Call& call);

  int64_t batch() const { return static_cast<int64_t>(parts_.size()); }
  const std::vector<GuidancePart>& parts() const { return parts_; }
  const PackedKeys& text() const { return text_.keys; }
  size_t regions() const { return regions_.size(); }
  const PackedKeys& region(size_t index) const { return regions_[index].keys; }
  // One per branch, without program where the branch has a part in no layer.
  const std::vector<PackedKeys>& images() const { return images_; }
  const BranchScales& scales() const { return scales_; }
  // Before model call `call` of a picture's `calls`.
  Status begin_call(int call, int calls) { return scales_.begin_call(call, calls); }
  // Of the text, or of a face's tokens, in the ControlNet of the request's i-th condition.
  const PackedKeys& control_keys(size_t i) const { return control_keys_[control_places_[i]].packed; }
  // SDXL: addition_input_size floats of each of `count` items from `first` on.
  BoundView addition(int64_t first, int64_t count) const;
  size_t addition_bytes() const { return addition_.view().bytes(); }

 private:
  explicit Conditioning(std::vector<GuidancePart> parts) : parts_(std::move(parts)) {}
  // A prompt and its negative one.
  struct Text {
    std::optional<PromptEncoder> encoder;
    PackedKeys keys;
  };
  Result<Text> plan_text(const ModelSet& models, PromptInput prompt, PromptInput negative);
  Status plan_branch(const ModelSet& models, size_t branch);
  Status plan_controls(const ModelSet& models, const GenerateRequest& request);
  // Whether a ControlNet reads the branch's tokens.
  bool feeds_control(size_t branch) const;
  Status run_controls(const Call& call, int branch, const std::vector<float>& tokens);
  Result<PackedKeys> plan_image_keys(const ModelSet& models, size_t branch);
  std::vector<std::vector<float>> key_tokens(size_t branch, const std::vector<float>& tokens) const;
  size_t feature_bytes(const Text& text) const;
  Status run_text(const Call& call, Text& text);
  Status run_branches(const Call& call);
  bool guided() const { return parts_.size() > 1; }

  std::vector<GuidancePart> parts_;
  const GenerateRequest* request_ = nullptr;
  bool zeros_ = false;  // in place of the negative prompt's features
  int64_t cross_size_ = 0;
  std::vector<BranchEncoder> branches_;
  Text text_;
  std::vector<Text> regions_;
  std::vector<PackedKeys> images_;
  struct ControlKeys {
    const LoadedControl* control = nullptr;
    int branch = -1;  // whose tokens these are; -1: the text's
    PackedKeys packed;
  };
  std::vector<ControlKeys> control_keys_;       // one a ControlNet that is used
  std::vector<size_t> control_places_;          // of a condition's among them
  std::vector<std::vector<float>> kv_weights_;  // of each branch's pairs of inputs, where scales go into keys
  BranchScales scales_;
  std::optional<Held> held_;  // the scales'
  BoundMemory addition_;
  int64_t addition_size_ = 0;  // floats per item
};

}  // namespace ipa
