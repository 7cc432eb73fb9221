// The pictures and faces of one branch to the image tokens that cross-attention reads.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/condition/image_features.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"

namespace ipa {

class BranchEncoder {
 public:
  // `guided`: whether tokens of no picture and no face are made, too. Models and branch outlive it.
  // Code::mismatch when embeddings are not of the adapter's size,
  // invalid_option when there is no such adapter or a face is missing, not_found without an image encoder.
  static Result<BranchEncoder> plan(const ModelSet& models, const GenerateRequest& request, size_t branch,
                                    bool guided);
  const Adapter& adapter() const { return *adapter_; }
  // Of all pictures, in one row.
  int64_t tokens() const { return tokens_; }
  void count(MemoryCount& memory) const;
  // Once. The tokens (tokens, cross_size); with `guided` those of nothing before them.
  // invalid_option when a picture is missing.
  Result<std::vector<float>> run(const Call& call);

 private:
  // Numbers that go into the projection.
  struct Inputs {
    std::vector<float> features, faces;
  };
  Status plan_features(const ModelSet& models);
  Status plan_negatives(const ModelSet& models, const GenerateRequest& request);
  Status need_encoder(const ModelSet& models);
  // Pictures that the projection reads at once, those of the negative half aside.
  size_t pictures() const;
  Result<std::vector<float>> features_of(const Call& call, const ImagePrompt& image);
  Status gather_negative(const Call& call, std::vector<float>& features);
  Status plan_projection(const ModelSet& models);
  Result<Inputs> gather(const Call& call);

  const Adapter* adapter_ = nullptr;
  const ImageBranch* branch_ = nullptr;
  std::vector<const ImagePrompt*> negatives_;  // of the adapter
  bool guided_ = false;
  size_t features_each_ = 0;               // of a picture; 0: the adapter reads none
  std::unique_ptr<ImageEncoder> encoder_;  // null where it is not needed
  std::unique_ptr<Program> program_;       // of the projection
  Value features_, faces_, made_, made_of_faces_;
  int64_t tokens_ = 0;
};

}  // namespace ipa
