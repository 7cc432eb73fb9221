// All sampling algorithms by name, and which of them a model's configuration means.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "schedulers/scheduler.h"

namespace ipa {

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

// The samplers that add noise by SchedulerOptions::eta, and the eta that each usually has.
struct SamplerEta {
  const char* name;
  double usual;
};
std::vector<SamplerEta> sampler_etas();

}  // namespace ipa
