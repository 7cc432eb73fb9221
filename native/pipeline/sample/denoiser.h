// The UNet bound to one generation's prompts: latents and a timestep in, the guided prediction out.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/sample/step_plan.h"
#include "pipeline/sample/unet_program.h"

namespace ipa {

class Denoiser {
 public:
  // `conditioning` must outlive the denoiser. `kinds`: the model calls that will come, for which everything is
  // made ready here.
  static Result<std::unique_ptr<Denoiser>> make(const Call& call, const GenerateRequest& request,
                                                Conditioning& conditioning, const std::vector<StepKind>& kinds);
  // What the calls from now on read beside the latents, channel-major, for UNets that read more than latents.
  void set_source(std::vector<float> channels) { source_ = std::move(channels); }
  // latents and prediction: channel-major, channels * height * width. All parts of guidance run in one batch;
  // without guidance, the conditional one runs alone.
  Status predict(StepKind kind, const float* latents, float timestep, float* prediction,
                 const CancelFlag* cancel);
  int64_t elements() const { return channels_ * pixels_; }

 private:
  struct Programs {
    std::unique_ptr<UNetProgram> full, shallow;
  };
  Denoiser() = default;
  void fill_input(const float* latents, int64_t batch, float* in) const;

  const UNetConfig* config_ = nullptr;
  Programs guided_, plain_;
  int64_t channels_ = 4, pixels_ = 0;
  int64_t batch_ = 1;  // of guided calls
  float guidance_ = 1, image_guidance_ = 1;
  std::vector<float> source_;
};

}  // namespace ipa
