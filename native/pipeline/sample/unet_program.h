// The UNet bound to the prompts of some items of a generation's batch, in full or without its deep part.
#pragma once

#include <memory>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/condition/conditioning.h"

namespace ipa {

struct UNetProgramShape {
  int64_t height = 0, width = 0;  // latents
  int64_t first = 0, batch = 1;   // items of the conditioning
  int feature_depth = 0;          // 0: no features are kept
  double merge_ratio = 0;         // of tokens
};

class UNetProgram {
 public:
  // `conditioning` must outlive the program. `features`: the full program of the same shape whose kept features
  // this one starts from, which must outlive it too; nullptr: this is a full program.
  static Result<std::unique_ptr<UNetProgram>> make(const Call& call, Conditioning& conditioning,
                                                   const UNetProgramShape& shape, float guidance,
                                                   UNetProgram* features);

  float* latents() { return program_->floats(latents_); }
  float* sinusoid() { return program_->floats(sinusoid_); }
  const float* output() { return program_->floats(output_); }
  Status run(const CancelFlag* cancel) { return program_->run(cancel); }

 private:
  UNetProgram() = default;

  std::unique_ptr<Program> program_;
  Value latents_, sinusoid_, output_, kept_;
};

}  // namespace ipa
