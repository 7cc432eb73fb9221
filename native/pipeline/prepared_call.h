// A request checked and prepared: its steps, its networks planned for its size, and so the memory it takes.
#pragma once

#include <memory>
#include <vector>

#include "pipeline/call.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/condition/source_picture.h"
#include "pipeline/decode/decoder.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/sample/denoiser.h"
#include "pipeline/sample/step_plan.h"
#include "pipeline/sample/step_span.h"
#include "schedulers/scheduler_table.h"

namespace ipa {

class PreparedCall {
 public:
  // Models and request outlive it. Errors as of generate(); a budget that does not suffice is none.
  // Pictures of the request may come without pixels where begin() is not called. One at a time: it chooses the UNet's
  // weights, with or without Fooocus' patch.
  static Result<std::unique_ptr<PreparedCall>> make(const ModelSet& models, const GenerateRequest& request);

  const MemoryEstimate& memory() const { return memory_; }
  // Bytes that begin() holds at its peak.
  size_t begin_bytes() const { return begin_bytes_; }

  // Takes the memory and does what comes before the first step: prompts and pictures are encoded.
  // Once; the call's workspace outlives this object.
  Status begin(const Call& call);

  // Before model call `call` of a picture.
  Status begin_model_call(int call) { return conditioning_->begin_call(call, span_.calls()); }

  const GenerateRequest& request() const { return request_; }
  const StepSpan& span() const { return span_; }
  // Of a picture's model calls.
  const std::vector<StepKind>& kinds() const { return kinds_; }
  // A new one for every picture.
  Result<std::unique_ptr<Scheduler>> make_scheduler() const;
  const SourcePicture* source() const { return source_.get(); }  // null without a picture to change
  // Pixels that a latent covers along a side.
  int64_t latent_scale() const { return models_.vae->config().scale(); }
  Denoiser& denoiser() const { return *denoiser_; }
  InpaintRun* inpaint() const {
    return inpaint_.get();
  }  // null where the model has no head, or nothing is repainted
  AttentionMaps* maps() const { return maps_.get(); }  // null when none are asked for
  Decoder* decoder() const { return decoder_.get(); }  // null when the request needs none

 private:
  PreparedCall(const ModelSet& models, const GenerateRequest& request) : models_(models), request_(request) {}
  Status plan_steps_and_parts();
  Status check_unguided() const;
  size_t pictures_at_once() const;
  Status choose_decoder();
  Result<std::unique_ptr<Decoder>> plan_decoder_in(int64_t tile) const;
  MemoryCount count_parts(const Decoder* decoder) const;
  std::vector<MemoryEstimate::OnDevice> on_devices(const MemoryCount& memory) const;
  MemoryEstimate estimate(const Decoder* decoder, int64_t tile) const;

  const ModelSet& models_;
  const GenerateRequest& request_;
  StepSpan span_;
  std::vector<StepKind> kinds_;
  std::unique_ptr<SourcePicture> source_;
  std::unique_ptr<Conditioning> conditioning_;
  std::unique_ptr<Controls> controls_;
  std::unique_ptr<InpaintRun> inpaint_;
  std::unique_ptr<AttentionMaps> maps_;
  std::unique_ptr<Denoiser> denoiser_;
  std::unique_ptr<Decoder> decoder_;
  MemoryEstimate memory_;
  size_t begin_bytes_ = 0;
};

}  // namespace ipa
