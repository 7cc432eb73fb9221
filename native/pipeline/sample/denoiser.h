// The UNet bound to one generation's prompts: latents and a timestep in, the guided prediction out.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/load/model_set.h"
#include "pipeline/sample/controls.h"
#include "pipeline/sample/guidance.h"
#include "pipeline/sample/step_plan.h"
#include "pipeline/sample/unet_program.h"

namespace ipa {

class Denoiser {
 public:
  // Of the model calls that will come, for which everything is planned here. `controls`, `inpaint` and `maps` may be
  // null. They and what `call` refers to outlive it.
  static Result<std::unique_ptr<Denoiser>> plan(const ControlCall& call, Controls* controls,
                                                const InpaintRun* inpaint, AttentionMaps* maps);
  void count(MemoryCount& memory) const;
  // After the conditioning has run.
  Status prepare(Workspace& workspace);
  // What the calls from now on read beside the latents, channel-major, for UNets that read more than latents.
  void set_source(std::vector<float> channels) { source_ = std::move(channels); }
  // Of model call `i`. latents and prediction: channel-major, channels * height * width.
  // All parts of guidance run in one batch; without guidance, the conditional one runs alone.
  Status predict(size_t i, const float* latents, float timestep, float* prediction, const CancelFlag* cancel);
  int64_t elements() const { return config_.out_channels * pixels_; }

 private:
  struct Programs {
    std::unique_ptr<UNetProgram> full, shallow;
  };
  Denoiser(const ControlCall& call, Controls* controls, AttentionMaps* maps, int64_t pixels);
  // What the UNet reads for `part`, channels-last, into input_.
  void fill_input(const GuidancePart& part, const float* latents);

  const UNetConfig& config_;
  const std::vector<StepKind>& kinds_;
  Controls* controls_;
  AttentionMaps* maps_;
  Guidance guidance_;
  float guidance_scale_;
  int64_t pixels_;
  Programs guided_, plain_;
  std::vector<float> source_, input_, outputs_, combined_;
};

}  // namespace ipa
