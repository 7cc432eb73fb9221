// The UNet bound to one generation's prompts: latents and a timestep in, the guided prediction out.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/conditioning.h"
#include "pipeline/model_set.h"

namespace ipa {

class Denoiser {
 public:
  // `conditioning` must outlive the denoiser. Latents are height x width.
  static Result<std::unique_ptr<Denoiser>> make(ModelSet& models, Conditioning& conditioning, int64_t height,
                                                int64_t width, float guidance, Workspace& workspace);
  // latents and prediction: channel-major, channels * height * width. Both halves of guidance run in one batch.
  Status predict(const float* latents, float timestep, float* prediction, const CancelFlag* cancel);
  int64_t elements() const { return channels_ * pixels_; }

 private:
  Denoiser() = default;

  const UNetConfig* config_ = nullptr;
  std::unique_ptr<Program> program_;
  Value latents_, sinusoid_, output_;
  int64_t batch_ = 1, channels_ = 4, pixels_ = 0;
  float guidance_ = 1;
};

}  // namespace ipa
