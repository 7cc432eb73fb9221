// The picture that a call changes: where its steps begin, and what some UNets read beside the latents.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/condition/encoded_picture.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"
#include "schedulers/scheduler.h"

namespace ipa {

// That the request has the pictures the model takes, and no others. invalid_option.
Status check_source(const ModelSet& models, const GenerateRequest& request);

class SourcePicture {
 public:
  // null without a picture. Models and request outlive it.
  static Result<std::unique_ptr<SourcePicture>> plan(const ModelSet& models, const GenerateRequest& request);
  void count(MemoryCount& memory) const { encoder_->count(memory, picture_bytes()); }
  // Weights that run() will read.
  size_t bytes_to_load() const { return encoder_->bytes_to_load(); }
  // Resizes and encodes the picture, which is the same for all pictures of a call;
  // for inpainting models and the inpaint head once more with what the mask has white in grey. Once.
  Status run(const Call& call);

  // Whether the steps begin with the picture rather than with noise alone.
  bool begins() const { return begins_; }
  // Whether latents outside the mask are put back after every step, for UNets that know nothing of it.
  bool blends() const { return blends_; }
  // Of the latents' size, 0 or 1; empty where there is no mask.
  const std::vector<float>& mask() const { return mask_; }
  // Latents of the picture, drawn with `noise`; empty where neither of the above wants them.
  std::vector<float> draw(Noise& noise) const;
  // The channels beside the latents, channel-major. Inpainting models and the inpaint head: the mask, then latents
  // drawn with `noise`, as diffusers draws them after the initial latents and before the first step.
  // Instruct: the likeliest latents, unscaled. Others: none.
  // Where blended they are drawn all the same, as diffusers does, which leaves later draws others.
  std::vector<float> channels(Noise& noise) const;

 private:
  SourcePicture(const ModelSet& models, const GenerateRequest& request);
  // Of the pictures in the size that is painted, and on the way to it.
  size_t picture_bytes() const;
  Result<std::vector<bool>> read_mask();
  Result<EncodedPicture> encode_filled(const std::vector<uint8_t>& rgb, const std::vector<bool>& white,
                                       const CancelFlag* cancel);

  const ModelSet& models_;
  const GenerateRequest& request_;
  Task task_;
  bool begins_ = false, blends_ = false, reads_beside_ = false;
  std::unique_ptr<PictureEncoder> encoder_;
  std::vector<float> mask_, touched_;  // the latter for the inpaint head
  EncodedPicture picture_;             // empty unless it begins or blends
  EncodedPicture beside_;              // what the UNet or the inpaint head reads; empty where they read none
};

}  // namespace ipa
