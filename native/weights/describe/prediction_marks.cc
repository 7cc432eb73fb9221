#include "weights/describe/prediction_marks.h"

#include <cmath>
#include <vector>

#include "base/utf8.h"

namespace ipa {
namespace {

// Marks stand beside the networks, or among the UNet's tensors.
bool has_mark(const TensorSource& source, const std::string& name) {
  return source.find(name) || source.find("model.diffusion_model." + name);
}

// Training with EDM's noise levels (Playground v2.5, CosXL) is said by tensors of these names.
Status check_noise_process(const TensorSource& source) {
  for (const char* name : {"edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min"})
    if (has_mark(source, name))
      return Status(Code::unsupported,
                    in_quotes(source.path(), 1024) + ": the tensor " + name +
                        " says that this model was trained with the noise levels of EDM (Playground v2.5, "
                        "CosXL), which no sampler here has: use a model with Stable Diffusion's own ones");
  return {};
}

// What ends with "-v" is Stable Diffusion 2's model for 768 pixels.
std::string prediction_of_architecture(std::string_view architecture) {
  if (architecture.substr(0, 25) == "stable-diffusion-v2-768-v") return "v_prediction";
  return architecture.substr(0, 23) == "stable-diffusion-v2-512" ? "epsilon" : "";
}

Result<std::optional<Found<std::string>>> prediction_in_metadata(const TensorSource& source) {
  using Answer = std::optional<Found<std::string>>;
  for (const char* key : {"modelspec.prediction_type", "modelspec.predict_key"}) {
    const std::string_view word = source.metadata(key);
    if (word.empty() || word == "None") continue;
    std::string type = prediction_type_of(word);
    if (type.empty())
      return Status(Code::unsupported,
                    in_quotes(source.path(), 1024) + ": " + key + " in its metadata is " + in_quotes(word) +
                        ", which is not known: pass the option prediction (\"epsilon\", \"v\" or \"sample\")");
    return Answer(Found<std::string>{std::move(type), Origin::metadata, key});
  }
  std::string type = prediction_of_architecture(source.metadata("modelspec.architecture"));
  if (type.empty()) return Answer();
  return Answer(Found<std::string>{std::move(type), Origin::metadata, "modelspec.architecture"});
}

// Nothing in a file of Stable Diffusion 2 need say what it predicts, but of the models
// that predict velocities this bias is spread much wider (a rule that ComfyUI's users rely on).
Result<Found<std::string>> guess_of_sd2(const TensorSource& source) {
  const std::string name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
  const TensorInfo* bias = source.find(name);
  if (!bias || bias->elements() < 2) return Found<std::string>{"v_prediction", Origin::family, "sd2"};
  std::vector<float> values(static_cast<size_t>(bias->elements()));
  IPA_TRY(source.read_f32(*bias, values.data()));
  double mean = 0, squares = 0;
  for (float x : values) mean += static_cast<double>(x) / static_cast<double>(values.size());
  for (float x : values) squares += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
  const bool wide = std::sqrt(squares / static_cast<double>(values.size())) > 0.09;
  return Found<std::string>{wide ? "v_prediction" : "epsilon", Origin::weights, name};
}

}  // namespace

const char* origin_name(Origin origin) {
  switch (origin) {
    case Origin::option: return "option";
    case Origin::marker: return "marker";
    case Origin::metadata: return "metadata";
    case Origin::yaml: return "yaml";
    case Origin::scheduler_config: return "scheduler_config";
    case Origin::weights: return "weights";
    case Origin::family: return "family";
  }
  return "";
}

std::string prediction_type_of(std::string_view text) {
  std::string word(text);
  for (char& letter : word)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  for (const char* name : {"v", "v_prediction", "v-prediction", "v_pred", "v-pred", "vpred", "velocity"})
    if (word == name) return "v_prediction";
  for (const char* name : {"epsilon", "eps", "noise"})
    if (word == name) return "epsilon";
  for (const char* name : {"sample", "x0", "original_sample"})
    if (word == name) return "sample";
  return "";
}

Result<PredictionMarks> prediction_marks(const TensorSource& source) {
  IPA_TRY(check_noise_process(source));
  PredictionMarks marks;
  IPA_ASSIGN(marks.prediction, prediction_in_metadata(source));
  if (has_mark(source, "v_pred"))
    marks.prediction = Found<std::string>{"v_prediction", Origin::marker, "v_pred"};
  // With predicted noise the mark would have no meaning: ComfyUI reads it beside the other one only.
  if (has_mark(source, "ztsnr") && marks.prediction && marks.prediction->value != "epsilon")
    marks.zero_snr = Found<bool>{true, Origin::marker, "ztsnr"};
  return marks;
}

Result<Found<std::string>> usual_prediction(const TensorSource& source, const std::string& family,
                                            int64_t input_channels) {
  // Stable Diffusion 2's inpainting model (9 channels) predicts noise.
  if (family == "sd2" && input_channels < 8) return guess_of_sd2(source);
  return Found<std::string>{"epsilon", Origin::family, family};
}

Json usual_scheduler(const std::string& family) {
  Json config;
  const char* name = family == "sd1"   ? "PNDMScheduler"
                     : family == "sd2" ? "DDIMScheduler"
                                       : "EulerDiscreteScheduler";
  config.set("_class_name", Json::of(name));
  config.set("beta_start", Json::of(0.00085));
  config.set("beta_end", Json::of(0.012));
  config.set("beta_schedule", Json::of("scaled_linear"));
  config.set("num_train_timesteps", Json::of(1000.0));
  config.set("steps_offset", Json::of(1.0));
  config.set("clip_sample", Json::of(false));
  config.set("set_alpha_to_one", Json::of(false));
  if (family == "sd1") config.set("skip_prk_steps", Json::of(true));
  if (family == "sdxl") config.set("timestep_spacing", Json::of("leading"));
  return config;
}

}  // namespace ipa
