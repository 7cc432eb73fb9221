#include "weights/describe/misplaced_file.h"

#include <utility>

#include "base/utf8.h"
#include "weights/formats/weight_file.h"

namespace ipa {
namespace {

// "" where none takes it.
const char* option_of(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::model: return "model";
    case ComponentKind::ip_adapter: return "adapters";
    case ComponentKind::lora: return "loras";
    case ComponentKind::embedding: return "embeddings";
    case ComponentKind::unet: return "unet";
    case ComponentKind::vae: return "vae";
    case ComponentKind::image_encoder: return "imageEncoder";
    case ComponentKind::controlnet:
    case ComponentKind::control_lora:
    case ComponentKind::t2i_adapter: return "controls";
    case ComponentKind::inpaint_head: return "inpaint.head";
    case ComponentKind::inpaint_patch: return "inpaint.patch";
    case ComponentKind::text_encoder:
    case ComponentKind::tensors: return "";
  }
  return "";
}

// Whether the option is a list.
bool takes_several(const std::string& option) { return option.back() == 's'; }

}  // namespace

std::string place_of(ComponentKind kind) {
  const std::string option = option_of(kind);
  if (option.empty()) return "";
  return (takes_several(option) ? ": pass it in " : ": pass it as ") + option;
}

Status or_misplaced(Status error, const TensorSource& source, const char* wanted, const char* option) {
  const ComponentKind kind = component_kind(source);
  const std::string own = option_of(kind);
  if (own.empty() || own == option) return error;
  return Status(Code::mismatch, in_quotes(source.path(), 1024) + ": this file holds no " + wanted +
                                    " (its kind is " + component_kind_name(kind) + ")" + place_of(kind));
}

Status or_misplaced(Status error, const std::string& path, const char* wanted, const char* option) {
  const Result<std::unique_ptr<TensorSource>> source = open_weight_file(path);
  return source.ok() ? or_misplaced(std::move(error), *source.value(), wanted, option) : error;
}

}  // namespace ipa
