// The picture that an inpainting or instruct model changes: what its UNet reads beside the latents.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"
#include "schedulers/scheduler.h"

namespace ipa {

// That the request has the pictures the model takes, and no others. invalid_option.
Status check_source(const ModelSet& models, const GenerateRequest& request);

class SourcePicture {
 public:
  // null for models that take no picture. Models and request outlive it.
  static Result<std::unique_ptr<SourcePicture>> plan(const ModelSet& models, const GenerateRequest& request);
  void count(MemoryCount& memory) const { memory.passing(*program_, picture_bytes()); }
  // Resizes and encodes the picture, which is the same for all pictures of a call;
  // for inpainting what the mask has white is grey before. Once.
  Status run(const Call& call);
  // The channels beside the latents, channel-major. Inpainting: the mask, then latents drawn with `noise`,
  // as diffusers draws them after the initial latents and before the first step.
  // Instruct: the likeliest latents, unscaled.
  std::vector<float> channels(Noise& noise) const;

 private:
  SourcePicture(const ModelSet& models, const GenerateRequest& request)
      : models_(models), request_(request), inpainting_(models.task() == Task::inpainting) {}
  // Of the resized pictures.
  size_t picture_bytes() const;
  Result<std::vector<float>> encoder_input();
  Status read_latents();

  const ModelSet& models_;
  const GenerateRequest& request_;
  bool inpainting_;
  std::unique_ptr<Program> program_;
  Value pixels_, encoded_;
  std::vector<float> mask_;  // of the latents' size, 0 or 1; empty for an instruct model
  std::vector<float> mean_;
  std::vector<float> deviation_;  // empty where the encoder gives latents and no distribution
  float factor_ = 1;
};

}  // namespace ipa
