#include "binding/model_info.h"

#include <vector>

#include "binding/values.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/load/inpaint.h"
#include "pipeline/load/load_fields.h"
#include "pipeline/model_options.h"
#include "schedulers/scheduler_table.h"

namespace ipa::binding {
namespace {

// One object an element.
template <class T, class Write>
Napi::Array array_of(Napi::Env env, const std::vector<T>& list, Write write) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    write(list[i], object);
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

void set_number(Napi::Object object, const char* key, int64_t value) {
  object.Set(key, static_cast<double>(value));
}

template <class T>
Napi::Object found_to_js(Napi::Env env, const Found<T>& found, Napi::Value value) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("value", value);
  object.Set("from", origin_name(found.from));
  object.Set("detail", found.detail);
  return object;
}

void set_prediction(Napi::Env env, const ModelPrediction& from, Napi::Object object) {
  const std::string& type = from.prediction.value;
  const Napi::Value name = Napi::String::New(env, type == "v_prediction" ? "v" : type);
  object.Set("prediction", found_to_js(env, from.prediction, name));
  object.Set("zeroSnr", found_to_js(env, from.zero_snr, Napi::Boolean::New(env, from.zero_snr.value)));
}

void set_parts(Napi::Env env, const LoadedParts& parts, Napi::Object object) {
  object.Set("adapters", array_of(env, parts.adapters, [](const LoadedAdapter& from, Napi::Object adapter) {
               adapter.Set("variant", adapter_variant_name(from.variant));
               set_number(adapter, "tokens", from.tokens);
               set_number(adapter, "embedSize", from.embed_size);
               adapter.Set("hiddenStates", reads_hidden_states(from.variant));
               set_number(adapter, "faceSize", from.face_size);
               adapter.Set("faceEmbedding", face_embedding_name(from.variant));
               adapter.Set("shortcut", from.shortcut);
               adapter.Set("hasImageEncoder", from.image_encoder);
               set_number(adapter, "imageSize", from.image_size);
             }));
  object.Set("controls", array_of(env, parts.controls, [](const ControlParts& from, Napi::Object control) {
               control.Set("kind", control_kind_name(from.kind));
               set_number(control, "modes", from.modes);
             }));
  set_number(object, "parameters", parts.parameters);
  set_number(object, "memoryBytes", static_cast<int64_t>(parts.memory_bytes));
  Napi::Array ignored = Napi::Array::New(env);
  for (size_t i = 0; i < parts.ignored.size(); ++i) {
    Napi::Object of_file = ignored_to_js(env, parts.ignored[i].tensors);
    of_file.Set("path", parts.ignored[i].path);
    ignored.Set(static_cast<uint32_t>(i), of_file);
  }
  object.Set("ignored", ignored);
}

void set_text(Napi::Env env, const ModelSet& models, Napi::Object object) {
  object.Set("textEncoders",
             array_of(env, models.text, [](const std::unique_ptr<TextTower>& tower, Napi::Object encoder) {
               const ClipTextConfig& config = tower->network.config();
               set_number(encoder, "contextLength", config.context);
               set_number(encoder, "vocabSize", config.vocab_size);
               encoder.Set("tokenizer", tower->tokenizer);
             }));
  set_number(object, "textSize", models.unet->config().cross_size());
  set_number(object, "pooledSize", pooled_size(models));
  object.Set("embeddings",
             array_of(env, models.learned_tokens(), [env](const LearnedToken& token, Napi::Object embedding) {
               Napi::Array ids = Napi::Array::New(env), vectors = Napi::Array::New(env);
               for (uint32_t e = 0; e < token.encoders.size(); ++e) {
                 ids.Set(e, static_cast<double>(token.encoders[e].first));
                 vectors.Set(e, static_cast<double>(token.encoders[e].count));
               }
               embedding.Set("token", token.name);
               if (token.lora >= 0) set_number(embedding, "lora", token.lora);
               embedding.Set("ids", ids);
               embedding.Set("vectors", vectors);
             }));
}

// What of generate()'s options the model takes, and what it uses where they are left out.
void set_options(Napi::Env env, const ModelSet& models, Napi::Object object) {
  const OptionDefaults usual = option_defaults(models);
  Napi::Object defaults = Napi::Object::New(env);
  defaults.Set("steps", usual.steps);
  defaults.Set("guidance", usual.guidance);
  defaults.Set("imageGuidance", usual.image_guidance);
  Napi::Object etas = Napi::Object::New(env);
  for (const SamplerEta& eta : sampler_etas()) etas.Set(eta.name, eta.usual);
  defaults.Set("eta", etas);
  defaults.Set("negativePrompt", models.zeros_for_empty_prompt ? "zeros" : "empty");
  defaults.Set("aestheticScore", usual.aesthetic_score);
  defaults.Set("negativeAestheticScore", usual.negative_aesthetic_score);
  Napi::Object supports = Napi::Object::New(env), refusals = Napi::Object::New(env);
  for (const OptionSupport& entry : option_support(models)) {
    supports.Set(entry.option, entry.refusal.empty());
    if (!entry.refusal.empty()) refusals.Set(entry.option, entry.refusal);
  }
  object.Set("defaults", defaults);
  object.Set("supports", supports);
  object.Set("refusals", refusals);
}

void set_devices(Napi::Env env, const ModelSet& models, Napi::Object object) {
  Napi::Object devices = Napi::Object::New(env);
  for (size_t i = 0; i < part_count; ++i)
    devices.Set(part_names[i], models.backend(static_cast<Part>(i)).capabilities().device);
  object.Set("device", models.backend(Part::unet).capabilities().device);
  object.Set("devices", devices);
  object.Set("dtype", dtype_name(models.computes().dtype));
  const std::string& note = models.devices().note();
  if (!note.empty()) object.Set("deviceNote", note);
}

}  // namespace

Napi::Object model_info_to_js(Napi::Env env, const ModelSet& models) {
  const VaeConfig& vae = models.vae->config();
  const int64_t side = models.unet->config().sample_size * vae.scale();
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", family_name(models.family()));
  object.Set("refiner", models.refiner);
  object.Set("task", task_name(models.task()));
  set_number(object, "width", side);
  set_number(object, "height", side);
  object.Set("attentions", text_array(env, models.unet->network.attention_modules()));
  set_number(object, "vaeScale", vae.scale());
  set_number(object, "latentChannels", vae.latent_channels);
  object.Set("scheduler", scheduler_name(models.scheduler_config));
  set_prediction(env, models.prediction, object);
  object.Set("vaeScalingFactor", static_cast<double>(vae.scaling_factor));
  set_options(env, models, object);
  set_devices(env, models, object);
  set_text(env, models, object);
  if (models.inpaint) {
    Napi::Object inpaint = Napi::Object::New(env);
    inpaint.Set("weight", static_cast<double>(models.inpaint->request.weight));
    object.Set("inpaint", inpaint);
  }
  object.Set("hasImageEncoder", models.vision != nullptr);
  set_parts(env, loaded_parts(models), object);
  return object;
}

Napi::Object parts_to_js(Napi::Env env, const LoadedParts& parts) {
  Napi::Object object = Napi::Object::New(env);
  set_parts(env, parts, object);
  return object;
}

}  // namespace ipa::binding
