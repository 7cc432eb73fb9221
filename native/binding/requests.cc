#include "binding/requests.h"

#include <algorithm>
#include <utility>

#include "binding/values.h"
#include "pipeline/load/load_fields.h"
#include "pipeline/request_fields.h"

namespace ipa::binding {
namespace {

Napi::Object element(const Napi::Array& array, uint32_t index) {
  const Napi::Value value = array.Get(index);
  if (!value.IsObject()) throw Napi::TypeError::New(array.Env(), "expected an array of objects");
  return value.As<Napi::Object>();
}

// What "featureCache.every" leads to; undefined where nothing is.
Napi::Value find(const Napi::Object& object, const std::string& path) {
  Napi::Value value = object;
  for (size_t begin = 0; begin <= path.size();) {
    if (value.IsUndefined() || value.IsNull()) return object.Env().Undefined();
    if (!value.IsObject())
      throw Napi::TypeError::New(object.Env(), path + ": expected objects on the way to it");
    const size_t end = std::min(path.find('.', begin), path.size());
    value = value.As<Napi::Object>().Get(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return value;
}

template <class Field>
double number_of(const Napi::Value& value, const Field& field) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  if (value.IsNumber() && field.holds(number)) return number;
  const char* expected = field.is_integer() ? ": expected an integer" : ": expected a number";
  throw Napi::TypeError::New(value.Env(), std::string(field.path) + expected);
}

template <class Field>
double index_of(const Napi::Value& value, const Field& field) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (size_t i = 0; i < field.names.size(); ++i)
    if (field.names[i] && name == field.names[i]) return static_cast<double>(i);
  throw Napi::TypeError::New(value.Env(), std::string(field.path) + ": expected " + quoted_names(field.names));
}

template <class Request, class Fields>
void read_fields(const Napi::Object& object, const Fields& fields, Request& request) {
  for (const auto& field : fields) {
    const Napi::Value value = find(object, field.path);
    if (value.IsUndefined() || value.IsNull()) continue;
    if (field.is_boolean())
      field.set(request, value.ToBoolean().Value() ? 1 : 0);
    else
      field.set(request, field.names.empty() ? number_of(value, field) : index_of(value, field));
  }
}

SigmaChoice read_sigmas(const Napi::Object& object) {
  SigmaChoice sigmas;
  if (has_value(object, "sigmaValues")) {
    sigmas.spacing = SigmaSpacing::given;
    sigmas.values = read_floats(object, "sigmaValues");
    return sigmas;
  }
  const auto spacing = sigma_spacing(read_text(object, "sigmas"));
  if (!spacing) throw Napi::TypeError::New(object.Env(), "sigmas: expected the name of a spacing");
  sigmas.spacing = *spacing;
  return sigmas;
}

// Whether there is one, perhaps without its bytes.
bool has_picture(const Napi::Object& object) { return has_value(object, "rgb") || has_value(object, "width"); }

// `sizes_only`: it may come without its bytes.
Picture read_picture(const Napi::Object& object, bool sizes_only) {
  Picture picture;
  const bool given = !sizes_only || has_value(object, "rgb");
  if (given) picture.rgb = read_bytes(object, "rgb");
  picture.width = read_integer(object, "width");
  picture.height = read_integer(object, "height");
  constexpr int64_t largest = 65536;
  const auto sane = [](int64_t side) { return side >= 1 && side <= largest; };
  if (!sane(picture.width) || !sane(picture.height) || (given && picture.rgb.size() != picture.bytes()))
    throw Napi::TypeError::New(object.Env(), "rgb: expected 3 * width * height bytes");
  return picture;
}

}  // namespace

std::vector<AdapterRequest> read_adapters(const Napi::Array& adapters) {
  std::vector<AdapterRequest> requests;
  for (uint32_t i = 0; i < adapters.Length(); ++i) {
    const Napi::Object from = element(adapters, i);
    AdapterRequest request;
    request.file = read_text(from, "file");
    if (has_value(from, "imageEncoder")) request.image_encoder = read_text(from, "imageEncoder");
    if (has_value(from, "shortcut")) request.shortcut = from.Get("shortcut").ToBoolean().Value();
    request.lora_weight = static_cast<float>(read_number(from, "loraWeight"));
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<ControlRequest> read_controls(const Napi::Array& controls) {
  std::vector<ControlRequest> requests;
  for (uint32_t i = 0; i < controls.Length(); ++i)
    requests.push_back({read_text(element(controls, i), "file")});
  return requests;
}

std::vector<LoraRequest> read_loras(const Napi::Array& loras) {
  std::vector<LoraRequest> requests;
  for (uint32_t i = 0; i < loras.Length(); ++i) {
    const Napi::Object lora = element(loras, i);
    requests.push_back({read_text(lora, "file"), static_cast<float>(read_number(lora, "weight"))});
  }
  return requests;
}

namespace {

OriginalConfig read_original_config(const Napi::Object& object, const char* key) {
  if (!has_value(object, key)) return {};
  const Napi::Object from = read_object(object, key);
  return {read_text(from, "file"), read_text(from, "prediction")};
}

std::vector<TokenChunks> read_prompt(const Napi::Object& object, const char* key) {
  std::vector<TokenChunks> prompts;
  const Napi::Array array = read_array(object, key);
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object text = element(array, i);
    prompts.push_back({read_ids(text, "ids"), read_floats(text, "weights")});
  }
  return prompts;
}

// Of { features, pooled? }; empty where there is none.
TextEmbeds read_text_embeds(const Napi::Object& object, const char* key) {
  if (!has_value(object, key)) return {};
  const Napi::Object from = read_object(object, key);
  TextEmbeds embeds;
  embeds.features = read_floats(from, "features");
  if (has_value(from, "pooled")) embeds.pooled = read_floats(from, "pooled");
  return embeds;
}

// A prompt and its negative one, as texts.
template <class Prompts>
void read_texts(const Napi::Object& object, Prompts& prompts) {
  prompts.prompt = read_prompt(object, "prompt");
  if (has_value(object, "negative")) prompts.negative = read_prompt(object, "negative");
}

// Those of a call or of a region, which may be features.
template <class Prompts>
void read_prompts(const Napi::Object& object, Prompts& prompts) {
  read_texts(object, prompts);
  prompts.prompt_embeds = read_text_embeds(object, "promptEmbeds");
  prompts.negative_embeds = read_text_embeds(object, "negativeEmbeds");
}

}  // namespace

PromptsToEncode read_prompts_to_encode(const Napi::Object& object) {
  PromptsToEncode prompts;
  read_texts(object, prompts);
  if (has_value(object, "clipSkip")) prompts.clip_skip = read_int32(object, "clipSkip");
  return prompts;
}

namespace {

DeviceRequest read_devices(const Napi::Object& object) {
  DeviceRequest request;
  if (has_value(object, "device")) request.device = read_text(object, "device");
  if (!has_value(object, "devices")) return request;
  const Napi::Object parts = read_object(object, "devices");
  for (size_t i = 0; i < part_count; ++i)
    if (has_value(parts, part_names[i])) request.parts[i] = read_text(parts, part_names[i]);
  return request;
}

}  // namespace

LoadRequest read_load_request(const Napi::Object& object) {
  LoadRequest request;
  request.model = read_text(object, "model");
  request.adapters = read_adapters(read_array(object, "adapters"));
  request.loras = read_loras(read_array(object, "loras"));
  if (has_value(object, "controls")) request.controls = read_controls(read_array(object, "controls"));
  if (has_value(object, "inpaint")) {
    const Napi::Object from = read_object(object, "inpaint");
    request.inpaint = {read_text(from, "head"), read_text(from, "patch"),
                       static_cast<float>(read_number(from, "weight"))};
  }
  const Napi::Array embeddings = read_array(object, "embeddings");
  for (uint32_t i = 0; i < embeddings.Length(); ++i)
    request.embeddings.push_back(read_text(element(embeddings, i), "file"));
  if (has_value(object, "unet")) request.unet = read_text(object, "unet");
  if (has_value(object, "vae")) request.vae = read_text(object, "vae");
  if (has_value(object, "imageEncoder")) request.image_encoder = read_text(object, "imageEncoder");
  request.model_yaml = read_original_config(object, "modelYaml");
  request.unet_yaml = read_original_config(object, "unetYaml");
  request.devices = read_devices(object);
  read_fields(object, load_fields(), request);
  return request;
}

namespace {

std::vector<ControlUse> read_control_uses(const Napi::Object& object, bool sizes_only) {
  std::vector<ControlUse> uses;
  if (!has_value(object, "controls")) return uses;
  const Napi::Array controls = read_array(object, "controls");
  for (uint32_t i = 0; i < controls.Length(); ++i) {
    const Napi::Object from = element(controls, i);
    ControlUse use;
    use.control = read_int32(from, "control");
    if (has_value(from, "image")) use.image = read_picture(read_object(from, "image"), sizes_only);
    if (has_value(from, "faceKeypoints")) use.keypoints = read_floats(from, "faceKeypoints");
    use.inpaint = from.Get("inpaint").ToBoolean().Value();
    if (has_value(from, "mode")) use.mode = read_text(from, "mode");
    use.scale = static_cast<float>(read_number(from, "scale"));
    use.start = read_number(from, "start");
    use.end = read_number(from, "end");
    use.guess = from.Get("guess").ToBoolean().Value();
    uses.push_back(std::move(use));
  }
  return uses;
}

}  // namespace

ImagePrompt read_image(const Napi::Object& object, bool sizes_only) {
  ImagePrompt image;
  if (has_value(object, "source")) image.source = read_int32(object, "source");
  if (has_value(object, "weight")) image.weight = static_cast<float>(read_number(object, "weight"));
  if (has_value(object, "face")) image.face = read_floats(object, "face");
  if (has_value(object, "embeds")) {
    image.embeds = read_floats(object, "embeds");
    if (image.embeds.empty()) throw Napi::TypeError::New(object.Env(), "embeds: expected at least one number");
    return image;
  }
  if (!image.face.empty() && !has_picture(object)) return image;
  Picture picture = read_picture(object, sizes_only);
  image.rgb = std::move(picture.rgb);
  image.width = picture.width;
  image.height = picture.height;
  if (!has_value(object, "imageMask")) return image;
  image.mask = read_picture(read_object(object, "imageMask"), sizes_only);
  if (image.mask->width != image.width || image.mask->height != image.height)
    throw Napi::TypeError::New(object.Env(), "imageMask: expected the size of rgb");
  return image;
}

namespace {

void read_strength(const Napi::Object& from, ImageBranch& branch) {
  if (has_value(from, "layers")) branch.layers = read_floats(from, "layers");
  branch.contrary = from.Get("contrary").ToBoolean().Value();
  branch.start = read_number(from, "start");
  branch.end = read_number(from, "end");
  if (has_value(from, "region")) branch.region = read_int32(from, "region");
  branch.combine = static_cast<Combine>(read_int32(from, "combine"));
  branch.kv_scaling = static_cast<KvScaling>(read_int32(from, "kvScaling"));
  if (!has_value(from, "curve")) return;
  const std::vector<float> curve = read_floats(from, "curve");
  for (size_t i = 0; i + 1 < curve.size(); i += 2) branch.curve.push_back({curve[i], curve[i + 1]});
}

void read_regions(const Napi::Object& object, bool sizes_only, GenerateRequest& request) {
  if (!has_value(object, "regions")) return;
  const Napi::Array regions = read_array(object, "regions");
  for (uint32_t i = 0; i < regions.Length(); ++i) {
    const Napi::Object from = element(regions, i);
    PromptRegion region;
    region.mask = read_picture(read_object(from, "mask"), sizes_only);
    region.scale = static_cast<float>(read_number(from, "scale"));
    read_prompts(from, region);
    request.regions.push_back(std::move(region));
  }
}

void read_negative_images(const Napi::Object& object, bool sizes_only, GenerateRequest& request) {
  if (!has_value(object, "negativeImages")) return;
  const Napi::Array negatives = read_array(object, "negativeImages");
  for (uint32_t i = 0; i < negatives.Length(); ++i) {
    const Napi::Object from = element(negatives, i);
    const bool given = has_picture(from) || has_value(from, "embeds");
    request.negative_images.push_back(
        {read_int32(from, "adapter"), given ? read_image(from, sizes_only) : ImagePrompt()});
  }
}

}  // namespace

GenerateRequest read_generate_request(const Napi::Object& object, bool sizes_only) {
  GenerateRequest request;
  read_prompts(object, request);
  const Napi::Array branches = read_array(object, "branches");
  for (uint32_t i = 0; i < branches.Length(); ++i) {
    const Napi::Object from = element(branches, i);
    ImageBranch branch;
    branch.adapter = read_int32(from, "adapter");
    branch.scale = static_cast<float>(read_number(from, "scale"));
    branch.structure_scale = static_cast<float>(read_number(from, "structureScale"));
    read_strength(from, branch);
    if (has_value(from, "mask")) branch.mask = read_picture(read_object(from, "mask"), sizes_only);
    branch.soft_mask = from.Get("softMask").ToBoolean().Value();
    const Napi::Array images = read_array(from, "images");
    for (uint32_t j = 0; j < images.Length(); ++j)
      branch.images.push_back(read_image(element(images, j), sizes_only));
    request.branches.push_back(std::move(branch));
  }
  request.controls = read_control_uses(object, sizes_only);
  read_regions(object, sizes_only, request);
  read_negative_images(object, sizes_only, request);
  if (has_value(object, "image")) request.image = read_picture(read_object(object, "image"), sizes_only);
  if (has_value(object, "mask")) request.mask = read_picture(read_object(object, "mask"), sizes_only);
  read_fields(object, request_fields(), request);
  if (has_value(object, "loras")) request.loras = read_loras(read_array(object, "loras"));
  request.scheduler = read_text(object, "scheduler");
  request.sigmas = read_sigmas(object);
  if (has_value(object, "timesteps")) request.timesteps = read_ids(object, "timesteps");
  if (has_value(object, "attentionLayers")) {
    const std::vector<int32_t> layers = read_ids(object, "attentionLayers");
    request.attention_maps.assign(layers.begin(), layers.end());
  }
  const Napi::Array seeds = read_array(object, "seeds");
  for (uint32_t i = 0; i < seeds.Length(); ++i) {
    const Napi::Value seed = seeds.Get(i);
    if (!seed.IsNumber()) throw Napi::TypeError::New(object.Env(), "seeds: expected numbers");
    const double number = seed.As<Napi::Number>().DoubleValue();
    if (!(number >= 0 && number <= 9007199254740992.0))
      throw Napi::TypeError::New(object.Env(), "seeds: expected 0 to 2^53");
    request.seeds.push_back(static_cast<uint64_t>(number));
  }
  request.latents = read_float_arrays(object, "latents");
  return request;
}

namespace {

template <class Request, class... Enums>
Napi::Array table_to_js(Napi::Env env, const std::vector<Field<Request, Enums...>>& fields) {
  const Request usual;
  Napi::Array list = Napi::Array::New(env);
  for (const Field<Request, Enums...>& field : fields) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("path", field.path);
    const double value = field.get(usual);
    if (field.is_boolean()) {
      object.Set("boolean", true);
      if (value >= 0) object.Set("default", value != 0);
    } else if (field.names.empty()) {
      object.Set("integer", field.is_integer());
      object.Set("minimum", field.least);
      object.Set("maximum", field.most);
      object.Set("default", value);
    } else {
      std::vector<std::string> names;
      for (const char* name : field.names)
        if (name) names.emplace_back(name);
      object.Set("names", text_array(env, names));
      if (value >= 0) object.Set("default", field.names[static_cast<size_t>(value)]);
    }
    list.Set(list.Length(), object);
  }
  return list;
}

}  // namespace

Napi::Object fields_to_js(Napi::Env env) {
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("load", table_to_js(env, load_fields()));
  tables.Set("generate", table_to_js(env, request_fields()));
  return tables;
}

}  // namespace ipa::binding
