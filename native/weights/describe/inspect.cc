#include "weights/describe/inspect.h"

#include <memory>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "weights/changes/embedding_file.h"
#include "weights/changes/lora_file.h"
#include "weights/describe/accounting.h"
#include "weights/describe/adapter_description.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/control_file.h"
#include "weights/describe/inpaint_file.h"
#include "weights/describe/other_families.h"
#include "weights/describe/single_file.h"
#include "weights/describe/single_file_config.h"
#include "weights/formats/sharded.h"
#include "weights/formats/weight_file.h"
#include "weights/names/adapter_names.h"

namespace ipa {
namespace {

constexpr uint64_t max_config_bytes = uint64_t{1} << 20;

bool has_ending(const std::string& name, const std::string& ending) {
  return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

bool is_file(const std::string& path) { return path_kind(path) == PathKind::file; }

// A whole model's are those outside of its networks; a network by itself is all of its file.
IgnoredTensors ignored_of(const TensorSource& source, ComponentKind kind) {
  switch (kind) {
    case ComponentKind::model: {
      const Result<SingleFile> file = read_single_file(source);
      return file.ok() ? ignored_tensors(source, single_file_scopes(file.value())) : IgnoredTensors();
    }
    case ComponentKind::unet: return ignored_tensors(source, {{NetworkKind::unet, ""}});
    case ComponentKind::vae: return ignored_tensors(source, {{NetworkKind::vae, ""}});
    case ComponentKind::text_encoder: return ignored_tensors(source, {{NetworkKind::text_encoder, ""}});
    case ComponentKind::image_encoder: return ignored_tensors(source, {{NetworkKind::image_encoder, ""}});
    case ComponentKind::controlnet:
      return ignored_tensors(source, {{NetworkKind::controlnet, control_prefix(source)}});
    case ComponentKind::t2i_adapter: return ignored_tensors(source, {{NetworkKind::t2i_adapter, ""}});
    case ComponentKind::inpaint_patch: return ignored_in_inpaint_patch(source);
    default: return {};
  }
}

Result<Inspection> inspect_source(std::unique_ptr<TensorSource> source, const char* format,
                                  const std::string& relative) {
  Inspection result;
  result.format = format;
  result.path = relative;
  for (const TensorInfo& info : source->tensors()) result.parameters += static_cast<uint64_t>(info.elements());
  for (const TensorInfo& info : source->stored()) {
    result.bytes += info.bytes;
    ++result.tensors;
    ++result.types[dtype_name(info.type)];
  }
  const ComponentKind kind = component_kind(*source);
  result.kind = component_kind_name(kind);
  result.unsupported = other_family(*source);
  if (!result.unsupported.empty()) return result;
  result.ignored = ignored_of(*source, kind);
  if (kind == ComponentKind::model) {
    IPA_ASSIGN(result.family, single_file_family(*source));
  }
  if (kind == ComponentKind::embedding) {
    IPA_ASSIGN(const EmbeddingFile file, read_embedding(std::move(source)));
    result.ignored = file.ignored;
    const TensorInfo* rows = file.any ? file.any : file.first;
    result.family = file.second ? "sdxl" : family_of_cross_size(embedding_width(*rows));
    return result;
  }
  if (kind == ComponentKind::lora) {
    const Result<LoraContents> contents = sort_lora_tensors(*source);
    if (!contents.ok()) return contents.status().in(in_quotes(source->path(), 1024));
    result.ignored = contents.value().ignored;
  }
  if (kind == ComponentKind::inpaint_head || kind == ComponentKind::inpaint_patch) result.family = "sdxl";
  if (kind == ComponentKind::unet) result.family = unet_family(*source);
  if (kind == ComponentKind::controlnet) {
    const Result<ControlNetConfig> config = controlnet_config(*source);
    if (config.ok()) result.family = original_family(config.value().trunk);
  }
  if (kind == ComponentKind::ip_adapter) {
    IPA_ASSIGN(const std::unique_ptr<TensorSource> renamed, with_adapter_names(std::move(source)));
    IPA_ASSIGN(const AdapterDescription adapter, describe_adapter(*renamed));
    result.ignored = ignored_in_adapter(*renamed);
    result.variant = adapter_variant_name(adapter.variant);
    result.encoder = adapter.encoder;
    result.tokens = adapter.tokens;
    if (adapter.family != "custom") result.family = adapter.family;
  }
  return result;
}

Result<Inspection> inspect_file(const std::string& path, const std::string& relative) {
  WeightFormat format = WeightFormat::safetensors;
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path, &format));
  return inspect_source(std::move(source), weight_format_name(format), relative);
}

// The stem of a component folder's weights, or nullptr when it is none.
const char* stem_in(const std::string& folder) {
  for (const char* stem : {diffusers_stem, transformers_stem}) {
    if (has_model_weights(folder, stem)) return stem;
  }
  return nullptr;
}

Result<Inspection> inspect_component(const std::string& folder, const char* stem, const std::string& relative) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_model_weights(folder, stem));
  return inspect_source(std::move(source), "diffusers", relative);
}

void add_component(Inspection component, Inspection* model) {
  model->parameters += component.parameters;
  model->bytes += component.bytes;
  model->tensors += component.tensors;
  for (const auto& type : component.types) model->types[type.first] += type.second;
  if (component.kind == "unet" && model->family.empty()) model->family = component.family;
  model->components.push_back(std::move(component));
}

Status inspect_subfolder(const std::string& folder, const std::string& name, Inspection* model) {
  const std::string path = join_path(folder, name);
  const char* stem = stem_in(path);
  if (stem) {
    IPA_ASSIGN(Inspection component, inspect_component(path, stem, name));
    add_component(std::move(component), model);
    return {};
  }
  IPA_ASSIGN(const std::vector<std::string> files, list_folder(path));
  for (const std::string& file : files) {
    const std::string full = join_path(path, file);
    if (!has_ending(file, ".safetensors") && !has_ending(file, ".gguf")) continue;
    if (!is_file(full)) continue;
    IPA_ASSIGN(Inspection component, inspect_file(full, name + "/" + file));
    add_component(std::move(component), model);
  }
  return {};
}

Result<Inspection> inspect_model(const std::string& folder) {
  Inspection model;
  model.kind = "model";
  model.format = "diffusers";
  const std::string index = join_path(folder, "model_index.json");
  if (is_file(index)) {
    IPA_ASSIGN(const std::string text, read_file(index, max_config_bytes));
    const Result<Json> json = Json::parse(text);
    if (!json.ok()) return json.status().in(in_quotes(index, 1024));
  }
  IPA_ASSIGN(const std::vector<std::string> names, list_folder(folder));
  for (const std::string& name : names) {
    if (path_kind(join_path(folder, name)) == PathKind::folder)
      IPA_TRY(inspect_subfolder(folder, name, &model));
  }
  if (model.components.empty())
    return Status(Code::not_found, in_quotes(folder, 1024) + ": holds no weights of a model");
  return model;
}

}  // namespace

Result<Inspection> inspect(const std::string& path) {
  switch (path_kind(path)) {
    case PathKind::none: return Status(Code::not_found, in_quotes(path, 1024) + ": no such file or folder");
    case PathKind::folder: break;
    default: return inspect_file(path, "");
  }
  const char* stem = is_file(join_path(path, "model_index.json")) ? nullptr : stem_in(path);
  if (stem) return inspect_component(path, stem, "");
  Result<Inspection> model = inspect_model(path);
  if (model.status().code() != Code::not_found) return model;
  // A component whose weights are a GGUF file under a name of its own.
  Result<Inspection> component = inspect_component(path, diffusers_stem, "");
  return component.ok() ? std::move(component) : std::move(model);
}

}  // namespace ipa
