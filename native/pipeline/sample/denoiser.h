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
  // One of the pictures that a call makes at the same time.
  struct Picture {
    const float* latents = nullptr;  // channel-major, channels * height * width, as the prediction
    float timestep = 0;
    float* prediction = nullptr;
  };

  // Of the model calls that will come, for which everything is planned here, for up to `pictures` at a time. `controls`,
  // `inpaint` and `maps` may be null; where they are not, there is one picture at a time. They and what `call` refers to
  // outlive it.
  static Result<std::unique_ptr<Denoiser>> plan(const ControlCall& call, Controls* controls,
                                                const InpaintRun* inpaint, AttentionMaps* maps,
                                                size_t pictures);
  void count(MemoryCount& memory) const;
  // After the conditioning has run.
  Status prepare(Workspace& workspace);
  // What the calls from now on read beside the latents of a picture, channel-major, for UNets that read more than latents.
  void set_source(size_t picture, std::vector<float> channels) { lanes_[picture].source = std::move(channels); }
  // Of model call `i` of all these pictures.
  // All parts of guidance run in one batch; without guidance, the conditional one runs alone.
  Status predict(size_t i, const std::vector<Picture>& pictures, const CancelFlag* cancel);
  size_t pictures() const { return lanes_.size(); }
  int64_t elements() const { return config_.out_channels * pixels_; }

 private:
  struct Programs {
    std::unique_ptr<UNetProgram> full, shallow;
  };
  // Of a picture.
  struct Lane {
    Programs guided, plain;
    std::vector<float> source;
  };
  Denoiser(const ControlCall& call, Controls* controls, AttentionMaps* maps, int64_t pixels);
  Status plan_lane(const ControlCall& call, UNetProgramShape shape, Lane& lane) const;
  UNetProgram& program_of(Lane& lane, StepKind kind) const;
  // What the UNet reads for `part`, channels-last, into input_.
  void fill_input(const GuidancePart& part, const float* latents, const std::vector<float>& source);
  Status set_inputs(Lane& lane, StepKind kind, const Picture& picture);
  Status combine_outputs(Lane& lane, StepKind kind, float* prediction);

  const UNetConfig& config_;
  const std::vector<StepKind>& kinds_;
  Controls* controls_;
  AttentionMaps* maps_;
  Guidance guidance_;
  float guidance_scale_;
  int64_t pixels_;
  std::vector<Lane> lanes_;
  std::vector<float> input_, outputs_, combined_;
};

}  // namespace ipa
