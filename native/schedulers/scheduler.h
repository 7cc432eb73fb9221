// The sampling algorithms: each turns a model's predictions into the next latents, as the diffusers class of
// the same name does.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "schedulers/sigma_choice.h"

namespace ipa {

// Standard normal noise in the order PyTorch's CPU generator would give it, one `fill` a tensor.
class Noise {
 public:
  virtual ~Noise() = default;
  virtual void fill(float* out, size_t count) = 0;
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
  // Calls of the model a step; the last one may take fewer.
  virtual int calls_a_step() const { return 1; }
  // Whether the first call may have another index than 0.
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
  bool xl = false;     // "ays" as it is for SDXL
  int steps = 50;
  float eta = 0;  // DDIM and TCD only
  // The caller asked for a zero terminal SNR: a class without it is refused. Otherwise it does without, as in
  // diffusers.
  bool needs_zero_snr = false;
};

// `config` is a scheduler_config.json: fields it lacks take the chosen class's own defaults, as diffusers'
// from_config does. invalid_option for an unknown name, steps outside 1..num_train_timesteps (LCM and TCD:
// original_inference_steps), sigmas that the class cannot have, or a field value diffusers would refuse.
Result<std::unique_ptr<Scheduler>> make_scheduler(const Json& config, const SchedulerOptions& options);

// What a model predicts, in the words of scheduler_config.json, and whether its noise ends at a signal of zero.
struct SchedulerPrediction {
  std::string prediction = "epsilon";
  bool zero_snr = false;
};
// As a config says it.
SchedulerPrediction scheduler_prediction(const Json& config);
// Whether the sampler of that API name can have it.
bool scheduler_takes(const std::string& name, const SchedulerPrediction& prediction);

// API name for a config's `_class_name` ("PNDMScheduler" -> "pndm"); "" when it is none of ours.
std::string scheduler_name(const Json& config);
const std::vector<std::string>& scheduler_names();

}  // namespace ipa
