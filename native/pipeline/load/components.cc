#include "pipeline/load/components.h"

#include <utility>

#include "base/file.h"
#include "pipeline/load/model_layout.h"
#include "weights/describe/accounting.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/image_encoder_file.h"
#include "weights/describe/misplaced_file.h"
#include "weights/describe/other_families.h"
#include "weights/describe/single_file.h"
#include "weights/formats/weight_file.h"
#include "weights/names/dialects.h"

namespace ipa {
namespace {

constexpr uint64_t max_config_bytes = 1 << 20;

using Source = std::unique_ptr<TensorSource>;
using Dialect = Result<Source> (*)(Source);

Result<Source> as_it_is(Source source) { return source; }

// A file or folder of one network, under the names of its parameters: all of it is read.
Result<Source> whole_network(Source source, NetworkKind kind, const ParamSet& params) {
  const std::vector<std::string> names = tensor_names(params);
  IPA_TRY(account_for(*source, {names.begin(), names.end()}, {kind, ""}));
  return source;
}

template <class Config>
Result<Config> parse_config(const Json& json, const std::string& path) {
  return Config::parse(json, path);
}

// A whole CLIP model keeps its vision half's fields in an object of their own.
template <>
Result<ClipVisionConfig> parse_config(const Json& json, const std::string& path) {
  const Json* fields = json.find("vision_config");
  return ClipVisionConfig::parse(fields && fields->is_object() ? *fields : json, path);
}

template <class Config>
Result<Config> read_config(const std::string& path) {
  IPA_ASSIGN(const Json json, read_model_json(path));
  return parse_config<Config>(json, path);
}

// Which network, the stem of its weights, and how they are brought to its names.
struct FolderKind {
  NetworkKind kind;
  const char* what;
  const char* stem;
  Dialect dialect;
};
constexpr FolderKind unet_folder = {NetworkKind::unet, "UNet", diffusers_stem, as_it_is};
constexpr FolderKind vae_folder = {NetworkKind::vae, "VAE", diffusers_stem, with_vae_names};
constexpr FolderKind text_folder = {NetworkKind::text_encoder, "text encoder", transformers_stem,
                                    with_clip_text_names};
constexpr FolderKind vision_folder = {NetworkKind::image_encoder, "image encoder", transformers_stem,
                                      with_clip_vision_names};

template <class Config>
Result<ConfiguredComponent<Config>> folder_component(const std::string& folder, const FolderKind& kind) {
  ConfiguredComponent<Config> component;
  component.where = folder;
  component.config_path = join_path(folder, layout::config);
  if (!is_file(component.config_path))
    return Status(Code::not_found, folder + ": no " + kind.what +
                                       " here (config.json is missing): pass a folder in the diffusers layout");
  IPA_ASSIGN(component.config, read_config<Config>(component.config_path));
  component.open = [folder, kind](const ParamSet& params) -> Result<Source> {
    IPA_ASSIGN(Source source, open_model_weights(folder, kind.stem));
    IPA_ASSIGN(source, kind.dialect(std::move(source)));
    return whole_network(std::move(source), kind.kind, params);
  };
  return component;
}

// The configuration beside a file with diffusers' names, as it lies in a folder of that layout.
// False when there is none.
template <class Config>
Result<bool> read_sibling_config(const std::string& path, ConfiguredComponent<Config>& component) {
  const std::string file = join_path(folder_of(path), layout::config);
  if (!is_file(file)) return false;
  IPA_ASSIGN(component.config, read_config<Config>(file));
  component.config_path = file;
  return true;
}

// Remembers what a file has that nothing reads.
void note_ignored(const TensorSource& file, const std::vector<NetworkScope>& scopes, ModelComponents* model) {
  IgnoredTensors ignored = ignored_tensors(file, scopes);
  if (ignored.count > 0) model->ignored.push_back({file.path(), std::move(ignored)});
}

// `part` takes what it needs out of the opened file.
template <class Config, class Part>
ConfiguredComponent<Config> file_component(const std::string& path, Config config, Part part) {
  ConfiguredComponent<Config> component;
  component.where = component.config_path = path;
  component.config = std::move(config);
  component.open = [path, part](const ParamSet& params) -> Result<Source> {
    IPA_ASSIGN(Source source, open_weight_file(path));
    return part(std::move(source), tensor_names(params));
  };
  return component;
}

UNetComponent unet_of_file(const std::string& path, const std::shared_ptr<const SingleFile>& file) {
  return file_component(path, *file->unet, [file](Source tensors, const std::vector<std::string>& names) {
    return single_file_unet(*file, std::move(tensors), names);
  });
}

VaeComponent vae_of_file(const std::string& path, const std::shared_ptr<const SingleFile>& file) {
  return file_component(path, *file->vae, [file](Source source, const std::vector<std::string>& names) {
    return single_file_vae(*file, std::move(source), names);
  });
}

// Before the decision, a model's `prediction` holds what is usual, and `marks` what its file says.
Result<ModelComponents> components_of_file(const LoadRequest& request, PredictionMarks& marks) {
  const std::string& path = request.model;
  const bool other_vae = !request.vae.empty();
  IPA_ASSIGN(const Source source, open_weight_file(path));
  IPA_TRY(refuse_other_family(*source));
  if (!is_single_file(*source))
    return or_misplaced(
        Status(Code::unsupported,
               path + ": this file holds no whole model in the original layout (model.diffusion_model.*): "
                      "pass such a file, or the folder of a model in the diffusers layout"),
        *source, "whole model", "model");
  IPA_ASSIGN(SingleFile read, read_single_file(*source));
  const auto file = std::make_shared<const SingleFile>(std::move(read));
  if (!other_vae && !file->vae)
    return Status(Code::missing_tensor, path + ": no VAE in this file: pass one with the option vae");
  ModelComponents model;
  note_ignored(*source, single_file_scopes(*file), &model);
  model.scheduler = file->scheduler;
  model.prediction = {file->usual_prediction, {false, Origin::family, file->family}};
  marks = with_yaml(file->marks, request.model_yaml);
  model.unet = unet_of_file(path, file);
  for (const SingleFileText& text : file->text) {
    TextComponent component;
    static_cast<ConfiguredComponent<ClipTextConfig>&>(component) =
        file_component(path, text.config, [text](Source tensors, const std::vector<std::string>& names) {
          return single_file_text(text, std::move(tensors), names);
        });
    component.tokenizer = text.open_clip ? "open_clip" : "clip";
    model.text.push_back(std::move(component));
  }
  if (file->vae) model.vae = vae_of_file(path, file);
  return model;
}

Result<ModelComponents> components_of_folder(const LoadRequest& request) {
  const std::string& model = request.model;
  if (!is_folder(model))
    return Status(Code::not_found, model +
                                       ": no such file or folder: pass the folder of a model in the diffusers "
                                       "layout, or a file of the original one");
  ModelComponents components;
  const std::string index_path = join_path(model, layout::index);
  if (is_file(index_path)) {
    IPA_ASSIGN(const Json index, read_model_json(index_path));
    const Json* pipeline = index.find("_class_name");
    if (pipeline && pipeline->is_string()) IPA_TRY(refuse_other_pipeline(model, pipeline->string()));
    const Json* zeros = index.find("force_zeros_for_empty_prompt");
    components.zeros_for_empty_prompt = !zeros || !zeros->is_boolean() || zeros->boolean();
  }
  const std::string unet_folder = request.unet.empty() ? join_path(model, layout::unet) : request.unet;
  if (request.unet.empty() && !is_folder(unet_folder))
    return Status(Code::not_found, model + ": not a model in the diffusers layout (no unet/ folder in it)");
  const std::string scheduler = join_path(model, layout::scheduler);
  if (!is_file(scheduler)) return Status(Code::not_found, scheduler + " is missing");
  IPA_ASSIGN(components.scheduler, read_model_json(scheduler));
  components.prediction = prediction_in_config(components.scheduler);
  for (const layout::Network& network : layout::networks) {
    if (!network.tokenizer) continue;
    const std::string path = join_path(model, network.folder);
    const bool needed = network.required && !(network.unless && is_folder(join_path(model, network.unless)));
    if (!needed && !is_folder(path)) continue;
    TextComponent component;
    IPA_ASSIGN(static_cast<ConfiguredComponent<ClipTextConfig>&>(component),
               folder_component<ClipTextConfig>(path, text_folder));
    component.tokenizer = network.tokenizer;
    components.text.push_back(std::move(component));
  }
  if (request.vae.empty()) {
    IPA_ASSIGN(components.vae, folder_component<VaeConfig>(join_path(model, layout::vae), vae_folder));
  }
  return components;
}

// A file of a UNet alone: the original's names tell its configuration; with diffusers' names
// and no configuration beside it, it is built as the model's own, `own` where that is in a file too.
Result<UNetComponent> other_unet(const LoadRequest& request, ModelComponents* model, PredictionMarks& marks) {
  const std::string& path = request.unet;
  IPA_ASSIGN(const Source source, open_weight_file(path));
  IPA_TRY(refuse_other_family(*source));
  IPA_ASSIGN(marks, prediction_marks(*source));
  marks = with_yaml(std::move(marks), request.unet_yaml);
  if (is_single_unet(*source)) {
    IPA_ASSIGN(SingleFile read, read_single_unet(*source));
    note_ignored(*source, single_file_scopes(read), model);
    return unet_of_file(path, std::make_shared<const SingleFile>(std::move(read)));
  }
  if (component_kind(*source) != ComponentKind::unet)
    return or_misplaced(Status(Code::mismatch, path + ": this file holds no UNet (its kind is " +
                                                   component_kind_name(component_kind(*source)) +
                                                   "): pass one, or the folder of one in the diffusers layout"),
                        *source, "UNet", "unet");
  note_ignored(*source, {{NetworkKind::unet, ""}}, model);
  UNetComponent unet = model->unet;
  IPA_ASSIGN(const bool configured, read_sibling_config(path, unet));
  if (!configured && !model->unet.open) {
    IPA_ASSIGN(unet, folder_component<UNetConfig>(join_path(request.model, layout::unet), unet_folder));
  }
  unet.where = path;
  unet.open = [path](const ParamSet& params) -> Result<Source> {
    IPA_ASSIGN(Source opened, open_weight_file(path));
    return whole_network(std::move(opened), NetworkKind::unet, params);
  };
  return unet;
}

// A file of a VAE with diffusers' names and no configuration:
// an AutoencoderTiny is always built alike, another as the model's own.
Result<VaeComponent> named_vae(const LoadRequest& request, const TensorSource& source,
                               const VaeComponent& own) {
  VaeComponent vae = own;
  IPA_ASSIGN(const bool configured, read_sibling_config(request.vae, vae));
  const TensorInfo* first = source.find("decoder.layers.0.weight");
  if (!configured && first) {
    vae.config = VaeConfig();
    vae.config.tiny = TaesdConfig();
    vae.config.latent_channels = first->shape.size() == 4 ? first->shape[1] : 4;
    vae.config.scaling_factor = 1;
    vae.config_path = request.vae;
  } else if (!configured && !own.open) {
    IPA_ASSIGN(vae, folder_component<VaeConfig>(join_path(request.model, layout::vae), vae_folder));
  }
  const std::string path = request.vae;
  vae.where = path;
  vae.open = [path](const ParamSet& params) -> Result<Source> {
    IPA_ASSIGN(Source opened, open_weight_file(path));
    IPA_ASSIGN(opened, with_vae_names(std::move(opened)));
    return whole_network(std::move(opened), NetworkKind::vae, params);
  };
  return vae;
}

Result<VaeComponent> other_vae(const LoadRequest& request, ModelComponents* model) {
  const std::string& path = request.vae;
  if (!is_file(path)) return folder_component<VaeConfig>(path, vae_folder);
  IPA_ASSIGN(const Source source, open_weight_file(path));
  IPA_TRY(refuse_other_family(*source));
  if (source->find("decoder.mid_block.resnets.0.norm1.weight") || source->find("decoder.layers.0.weight"))
    return named_vae(request, *source, model->vae);
  const char* family = model->unet.config.text_time ? "sdxl" : "";
  Result<SingleFile> read = read_single_vae(*source, usual_scaling_factor(family));
  if (!read.ok()) return or_misplaced(read.take_status(), *source, "VAE", "vae");
  SingleFile file = read.take();
  note_ignored(*source, single_file_scopes(file), model);
  return vae_of_file(path, std::make_shared<const SingleFile>(std::move(file)));
}

}  // namespace

Result<Json> read_model_json(const std::string& path) {
  IPA_ASSIGN(const std::string text, read_file(path, max_config_bytes));
  Json::Limits limits;
  limits.python_constants = true;  // diffusers writes "lambda_min_clipped": -Infinity
  Result<Json> json = Json::parse(text, limits);
  return json.ok() ? std::move(json) : Result<Json>(json.status().in(path));
}

std::vector<std::string> tensor_names(const ParamSet& params) {
  std::vector<std::string> names;
  for (const auto& param : params.all()) names.insert(names.end(), param->names.begin(), param->names.end());
  return names;
}

bool is_folder(const std::string& path) { return path_kind(path) == PathKind::folder; }
bool is_file(const std::string& path) { return path_kind(path) == PathKind::file; }

Result<ModelComponents> find_components(const LoadRequest& request) {
  ModelComponents components;
  PredictionMarks model_marks, unet_marks;
  if (is_file(request.model)) {
    IPA_ASSIGN(components, components_of_file(request, model_marks));
  } else {
    IPA_ASSIGN(components, components_of_folder(request));
  }
  if (is_file(request.unet)) {
    IPA_ASSIGN(components.unet, other_unet(request, &components, unet_marks));
  } else if (!request.unet.empty() || !is_file(request.model)) {
    const std::string folder = request.unet.empty() ? join_path(request.model, layout::unet) : request.unet;
    IPA_ASSIGN(components.unet, folder_component<UNetConfig>(folder, unet_folder));
  }
  if (!request.vae.empty()) {
    IPA_ASSIGN(components.vae, other_vae(request, &components));
  }
  if (request.vae_scaling_factor > 0) components.vae.config.scaling_factor = request.vae_scaling_factor;
  IPA_ASSIGN(components.prediction, choose_prediction(request, {unet_marks, model_marks},
                                                      std::move(components.prediction), components.scheduler));
  return components;
}

Result<VisionComponent> find_image_encoder(const std::string& path) {
  if (!is_file(path)) return folder_component<ClipVisionConfig>(path, vision_folder);
  IPA_ASSIGN(const Source source, open_weight_file(path));
  IPA_ASSIGN(ClipVisionConfig config, image_encoder_config(*source));
  VisionComponent encoder = file_component(path, config, image_encoder_tensors);
  const std::string beside = join_path(folder_of(path), layout::config);
  if (!is_file(beside)) return encoder;
  IPA_ASSIGN(const Json json, read_model_json(beside));
  // Not every config.json in a folder of files is the encoder's.
  if (!json.find("patch_size") && !json.find("vision_config")) return encoder;
  IPA_ASSIGN(encoder.config, parse_config<ClipVisionConfig>(json, beside));
  encoder.config_path = beside;
  return encoder;
}

std::string preprocessor_beside(const std::string& encoder) {
  const std::string folder = is_file(encoder) ? folder_of(encoder) : encoder;
  const std::string preprocessor = join_path(folder, layout::own_preprocessor);
  return is_file(preprocessor) ? preprocessor : "";
}

}  // namespace ipa
