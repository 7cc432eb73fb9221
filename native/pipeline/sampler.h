// The sampling loop of a prepared call.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "pipeline/beginning.h"
#include "pipeline/call.h"
#include "pipeline/decode/linear_preview.h"
#include "pipeline/prepared_call.h"
#include "pipeline/step_event.h"
#include "schedulers/torch_noise.h"

namespace ipa {

class Sampler {
 public:
  // All of these outlive it.
  Sampler(const Call& call, PreparedCall& prepared, const ProgressFunction& progress,
          const StepFunction& each_step);
  // `count` pictures from `first` on, at most as many as the denoiser takes, step by step side by side.
  Status make_pictures(size_t first, size_t count, GenerateResult& result);

 private:
  // A picture on its way.
  struct Run {
    explicit Run(size_t index, uint64_t seed) : image(index), noise(seed) {}
    size_t image;
    TorchNoise noise;
    std::unique_ptr<Scheduler> scheduler;
    Beginning beginning;
    std::vector<float> scaled, prediction;
  };
  Status begin(size_t lane, Run& run);
  Status step(int i, std::vector<Run>& runs);
  Status end_step(int i, Run& run);
  Status hand_over(int i, Run& run);
  Status report_step(int i, const Run& run);
  void report_tile(const Run& run, int done, int tiles) const;
  Status finish(Run& run, GenerateResult& result);
  Progress event_of(const Run& run) const;
  Status paint_preview(const float* latents, Progress& event);
  Result<const LinearPreview*> linear_preview();

  const Call& call_;
  PreparedCall& prepared_;
  const GenerateRequest& request_;
  const ProgressFunction& progress_;
  const StepFunction& each_step_;
  const int calls_;
  const size_t count_;  // latents of a picture
  int done_ = 0;        // model calls of all pictures
};

}  // namespace ipa
