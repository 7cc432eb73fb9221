// What a loaded model takes of a call's options, and what it uses where they are left out.
#pragma once

#include <string>
#include <vector>

#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

struct OptionDefaults {
  int steps = 0;
  float guidance = 0, image_guidance = 0;
  float aesthetic_score = 0, negative_aesthetic_score = 0;
};
OptionDefaults option_defaults(const ModelSet& models);

// The share of the steps that change the request's picture: its own, or what diffusers has for the task.
// 1 without a picture, and for instruct models.
double strength_of(const ModelSet& models, const GenerateRequest& request);
// Latent consistency models apply it to the steps that they were distilled on instead, as their pipeline does.
bool cuts_original_steps(const ModelSet& models, const GenerateRequest& request);

// Whether the picture is put over the result where the mask is black. By default only where the UNet does not know
// the mask, so that what it kept through the VAE is near the picture anyway; with maskCrop always.
bool keeps_unmasked(const ModelSet& models, const GenerateRequest& request);

// An option that only some models take.
struct OptionSupport {
  const char* option;
  std::string refusal;  // why this model does not take it, and what to do; empty: it does
};
std::vector<OptionSupport> option_support(const ModelSet& models);
// invalid_option when `option` is among these and not taken.
Status check_option(const ModelSet& models, const std::string& option);

}  // namespace ipa
