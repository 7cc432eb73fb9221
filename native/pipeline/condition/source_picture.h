// The picture that an inpainting or instruct model changes: what its UNet reads beside the latents.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/request.h"
#include "schedulers/scheduler.h"

namespace ipa {

// That the request has the pictures the model takes, and no others. invalid_option.
Status check_source(const ModelSet& models, const GenerateRequest& request);

class SourcePicture {
 public:
  // Resized to the request's size and encoded, which is the same for all pictures of a call; for inpainting
  // what the mask has white is grey before. null for models that take no picture.
  static Result<std::unique_ptr<SourcePicture>> make(const Call& call, const GenerateRequest& request);
  // The channels beside the latents, channel-major. Inpainting: the mask, then latents drawn with `noise`, as
  // diffusers draws them after the initial latents and before the first step. Instruct: the likeliest latents,
  // unscaled.
  std::vector<float> channels(Noise& noise) const;

 private:
  std::vector<float> mask_;  // of the latents' size, 0 or 1; empty for an instruct model
  std::vector<float> mean_;
  std::vector<float> deviation_;  // empty where the encoder gives latents and no distribution
  float factor_ = 1;
};

}  // namespace ipa
