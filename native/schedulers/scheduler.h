// The sampling algorithms: each turns a model's predictions into the next latents,
// as the diffusers class of the same name does.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "schedulers/sigma_choice.h"

namespace ipa {

// Standard normal noise in the order PyTorch's CPU generator would give it, one `fill` a tensor.
class Noise {
 public:
  virtual ~Noise() = default;
  virtual void fill(float* out, size_t count) = 0;
};

// A state between a clean one and noise: signal * clean + noise * noise.
struct NoiseMix {
  float signal = 1, noise = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // Model calls of one run, in order; a fractional timestep is legal (Euler with linspace spacing).
  const std::vector<float>& timesteps() const { return timesteps_; }
  // Initial latents = noise * init_noise_sigma().
  virtual float init_noise_sigma() const { return 1.0f; }
  // What the model sees at call `index`: `out` may be `sample`.
  virtual void scale_model_input(int index, const float* sample, float* out, size_t count) const;
  // The state that call `index` begins at, where the latents are a picture's: diffusers' add_noise.
  // Of the second call of a step it is that of the step's end.
  virtual NoiseMix noise_mix(int index) const = 0;
  // `out` may be either input.
  void add_noise(int index, const float* latents, const float* noise, float* out, size_t count) const;
  // Calls of the model per step; the last one may take fewer.
  virtual int calls_a_step() const { return 1; }
  // Before the first call of a run that begins at another index than 0 with a picture and noise in it.
  // Where diffusers then weighs steps otherwise than a run from 0 would (PNDM, LMS), so does this.
  virtual Status begin_at(int /*first*/) { return {}; }
  // Whether the latents of another sampler's run can be gone on with.
  virtual bool can_begin_late() const { return true; }
  // Replaces `sample` by the next latents. Calls must come with indices that follow each other, once each.
  virtual void step(int index, const float* model_output, float* sample, size_t count, Noise& noise) = 0;
  // The predicted clean latents of the last step (for previews); `count` floats, valid until the next call.
  virtual const float* denoised() const = 0;

 protected:
  std::vector<float> timesteps_;
};

struct SchedulerOptions {
  std::string name;    // one of scheduler_names(); "" = the one the config names
  SigmaChoice sigmas;  // whatever the config says
  // Training timesteps of the caller's own, one per step, descending; empty: spaced as `sigmas` and the config say.
  std::vector<int> timesteps;
  bool xl = false;  // "ays" as it is for SDXL
  int steps = 50;
  // LCM (and TCD, which takes it alike): the share of their original steps, from the least noisy on, that the steps are chosen from.
  double original_share = 1;
  float eta = 0;  // DDIM and TCD only
  // The caller asked for a zero terminal SNR: a class without it is refused.
  // Otherwise it does without, as in diffusers.
  bool needs_zero_snr = false;
};

}  // namespace ipa
