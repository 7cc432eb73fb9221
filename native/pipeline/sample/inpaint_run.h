// Fooocus' inpaint head in a call: what it adds behind the UNet's first convolution.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/load/inpaint.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"

namespace ipa {

class InpaintRun {
 public:
  // null where the model has no head, or the call repaints nothing. Models outlive it.
  static Result<std::unique_ptr<InpaintRun>> plan(const ModelSet& models, const GenerateRequest& request);
  void count(MemoryCount& memory) const;
  // Takes the memory. Once.
  Status begin(const Call& call);
  // Before a picture's first step. `channels`: the mask, then the latents of what it leaves, channel-major.
  Status read(const std::vector<float>& channels);
  // What read() makes, of one item, and where it is after begin().
  const Shape& shape() const { return program_->shape(output_); }
  BoundView made() const { return program_->view(output_); }

 private:
  InpaintRun() = default;

  std::unique_ptr<Program> program_;
  Value input_, output_;
  const CancelFlag* cancel_ = nullptr;
};

}  // namespace ipa
