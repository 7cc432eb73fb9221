#include "pipeline/model_options.h"

#include "schedulers/scheduler_table.h"

namespace ipa {
namespace {

std::string mask_refusal(Task task) {
  if (task == Task::instruct) return "this instruct model changes the whole picture: leave it out";
  return "";
}

std::string strength_refusal(Task task) {
  if (task == Task::instruct) return "this instruct model begins with noise alone: leave it out";
  return "";
}

std::string image_guidance_refusal(Task task) {
  if (task == Task::instruct) return "";
  const char* what = task == Task::inpainting ? "an inpainting" : "a text-to-image";
  return std::string("only instruct models have it, this is ") + what + " model: leave it out";
}

// Of SDXL's size conditions.
std::string size_refusal(const ModelSet& models) {
  if (models.family() == Family::sdxl) return "";
  return std::string("only SDXL models were trained with it, this is ") + family_name(models.family()) +
         ": leave it out";
}

std::string target_refusal(const ModelSet& models) {
  if (models.refiner) return "SDXL's refiner has aestheticScore in its place: leave it out";
  return size_refusal(models);
}

std::string score_refusal(const ModelSet& models) {
  if (models.family() == Family::sdxl && !models.refiner)
    return "only SDXL's refiner was trained with it: leave it out";
  return size_refusal(models);
}

}  // namespace

OptionDefaults option_defaults(const ModelSet& models) {
  const GenerateRequest usual;
  OptionDefaults defaults;
  defaults.steps = usual.steps;
  defaults.guidance = models.family() == Family::sdxl ? 5.0f : usual.guidance;
  defaults.image_guidance = usual.image_guidance;
  defaults.aesthetic_score = usual.aesthetic_score;
  defaults.negative_aesthetic_score = usual.negative_aesthetic_score;
  return defaults;
}

double strength_of(const ModelSet& models, const GenerateRequest& request) {
  if (!request.image || models.task() == Task::instruct) return 1;
  if (request.strength >= 0) return request.strength;
  const bool xl = models.family() == Family::sdxl;
  if (request.mask) return xl ? 0.9999 : 1;
  return xl ? 0.3 : 0.8;
}

bool cuts_original_steps(const ModelSet& models, const GenerateRequest& request) {
  if (!models.unet->config().time_cond_size || !request.image || request.mask || request.denoising_start > 0 ||
      !request.timesteps.empty())
    return false;
  const std::string name =
      request.scheduler.empty() ? scheduler_name(models.scheduler_config) : request.scheduler;
  return name == "lcm";
}

bool keeps_unmasked(const ModelSet& models, const GenerateRequest& request) {
  if (!request.image || !request.mask) return false;
  if (request.mask_crop >= 0) return true;
  return request.keep_unmasked.value_or(models.task() == Task::text_to_image);
}

std::vector<OptionSupport> option_support(const ModelSet& models) {
  const Task task = models.task();
  return {{"image", ""},
          {"mask", mask_refusal(task)},
          {"strength", strength_refusal(task)},
          {"imageGuidance", image_guidance_refusal(task)},
          {"originalSize", size_refusal(models)},
          {"targetSize", target_refusal(models)},
          {"cropOffset", size_refusal(models)},
          {"aestheticScore", score_refusal(models)},
          {"negativeAestheticScore", score_refusal(models)}};
}

Status check_option(const ModelSet& models, const std::string& option) {
  for (const OptionSupport& entry : option_support(models))
    if (entry.option == option && !entry.refusal.empty()) return Status::option(option, entry.refusal);
  return {};
}

}  // namespace ipa
