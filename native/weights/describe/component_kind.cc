#include "weights/describe/component_kind.h"

#include <string_view>

#include "weights/changes/embedding_file.h"
#include "weights/changes/inpaint_patch.h"
#include "weights/changes/lora_file.h"
#include "weights/describe/control_file.h"
#include "weights/describe/inpaint_file.h"
#include "weights/describe/single_file.h"
#include "weights/names/adapter_names.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

bool any_with_prefix(const TensorSource& source, std::string_view prefix) {
  for (const TensorInfo& info : source.tensors()) {
    if (begins_with(info.name, prefix)) return true;
  }
  return false;
}

}  // namespace

const char* component_kind_name(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::model: return "model";
    case ComponentKind::ip_adapter: return "ip-adapter";
    case ComponentKind::lora: return "lora";
    case ComponentKind::embedding: return "embedding";
    case ComponentKind::unet: return "unet";
    case ComponentKind::vae: return "vae";
    case ComponentKind::text_encoder: return "text_encoder";
    case ComponentKind::image_encoder: return "image_encoder";
    case ComponentKind::controlnet: return "controlnet";
    case ComponentKind::control_lora: return "control-lora";
    case ComponentKind::t2i_adapter: return "t2i-adapter";
    case ComponentKind::inpaint_head: return "inpaint-head";
    case ComponentKind::inpaint_patch: return "inpaint-patch";
    case ComponentKind::tensors: return "tensors";
  }
  return "tensors";
}

ComponentKind component_kind(const TensorSource& source) {
  if (is_inpaint_head(source)) return ComponentKind::inpaint_head;
  if (is_inpaint_patch(source)) return ComponentKind::inpaint_patch;
  if (is_single_file(source)) return ComponentKind::model;
  const auto has = [&](const char* name) { return source.find(name) != nullptr; };
  if (has_adapter_names(source)) return ComponentKind::ip_adapter;
  if (is_control(source)) {
    const Result<ControlKind> kind = control_kind(source);
    if (kind.ok() && kind.value() == ControlKind::control_lora) return ComponentKind::control_lora;
    if (kind.ok() && kind.value() == ControlKind::t2i_adapter) return ComponentKind::t2i_adapter;
    return ComponentKind::controlnet;
  }
  if (has_lora_names(source)) return ComponentKind::lora;
  if (has_embedding_names(source)) return ComponentKind::embedding;
  if (has("conv_in.weight") && has("time_embedding.linear_1.weight") && any_with_prefix(source, "up_blocks.")) {
    return ComponentKind::unet;
  }
  if (has("decoder.conv_in.weight") && has("encoder.conv_in.weight") && has("decoder.conv_out.weight")) {
    return ComponentKind::vae;
  }
  // AutoencoderTiny
  if (has("decoder.layers.0.weight") && has("encoder.layers.0.weight")) return ComponentKind::vae;
  for (const char* prefix : {"vision_model.", ""}) {
    if (has((std::string(prefix) + "embeddings.patch_embedding.weight").c_str()) &&
        has((std::string(prefix) + "pre_layrnorm.weight").c_str())) {
      return ComponentKind::image_encoder;
    }
  }
  if (has("visual.conv1.weight") && has("visual.class_embedding")) return ComponentKind::image_encoder;
  for (const char* prefix : {"text_model.", ""}) {
    if (has((std::string(prefix) + "embeddings.token_embedding.weight").c_str()) &&
        has((std::string(prefix) + "final_layer_norm.weight").c_str())) {
      return ComponentKind::text_encoder;
    }
  }
  return ComponentKind::tensors;
}

std::string unet_family(const TensorSource& source) {
  if (source.find("add_embedding.linear_1.weight")) return "sdxl";
  constexpr std::string_view ending = ".proj_in.weight";
  for (const TensorInfo& info : source.tensors()) {
    const std::string_view name = info.name;
    if (name.find(".attentions.") == std::string_view::npos || name.size() < ending.size()) continue;
    if (name.substr(name.size() - ending.size()) != ending) continue;
    return info.shape.size() == 2 ? "sd2" : "sd1";
  }
  return "";
}

std::string family_of_cross_size(int64_t cross_size) {
  switch (cross_size) {
    case 768: return "sd1";
    case 1024: return "sd2";
    case 2048: return "sdxl";
    default: return "";
  }
}

}  // namespace ipa
