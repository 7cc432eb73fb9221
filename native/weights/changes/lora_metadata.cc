#include "weights/changes/lora_metadata.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

constexpr LoraPart parts[] = {LoraPart::unet, LoraPart::text_encoder, LoraPart::text_encoder_2};
constexpr uint64_t max_config_bytes = uint64_t{1} << 20;

const char* part_name(LoraPart part) {
  switch (part) {
    case LoraPart::unet: return "unet";
    case LoraPart::text_encoder: return "text_encoder";
    case LoraPart::text_encoder_2: return "text_encoder_2";
  }
  return "";
}

}  // namespace

Result<LoraMetadata> LoraMetadata::read(const TensorSource& source) {
  LoraMetadata metadata;
  const std::string_view text = source.metadata("lora_adapter_metadata");
  if (text.empty()) {
    IPA_TRY(metadata.read_beside(source));
  } else {
    Result<Json> json = Json::parse(text);
    if (!json.ok()) return json.status().in("lora_adapter_metadata");
    metadata.json_ = json.take();
  }
  IPA_TRY(metadata.check().in(metadata.one_for_all_ ? "adapter_config.json" : "lora_adapter_metadata"));
  return metadata;
}

Status LoraMetadata::read_beside(const TensorSource& source) {
  constexpr std::string_view wrapper = "base_model.model.";
  const auto of_peft = [&](const TensorInfo& info) { return begins_with(info.name, wrapper); };
  const std::vector<TensorInfo>& tensors = source.tensors();
  if (std::none_of(tensors.begin(), tensors.end(), of_peft)) return {};
  const size_t slash = source.path().find_last_of("/\\");
  const std::string folder = slash == std::string::npos ? "." : source.path().substr(0, slash);
  const std::string path = join_path(folder, "adapter_config.json");
  if (path_kind(path) != PathKind::file) return {};
  IPA_ASSIGN(const std::string text, read_file(path, max_config_bytes));
  Result<Json> json = Json::parse(text);
  if (!json.ok()) return json.status().in(in_quotes(path, 1024));
  json_ = json.take();
  one_for_all_ = true;
  return {};
}

Status LoraMetadata::check() {
  for (const LoraPart part : parts) {
    const Json* alpha = find(part, "lora_alpha");
    if (alpha && !alpha->is_null() && !alpha->is_number())
      return Status(Code::type, "lora_alpha is not a number");
    const Json* pattern = find(part, "alpha_pattern");
    if (!pattern) continue;
    for (const auto& [key, value] : pattern->object()) {
      if (!value.is_number())
        return Status(Code::type, "alpha_pattern: " + in_quotes(key) + " is not a number");
      IPA_TRY(alphas_[static_cast<size_t>(part)].add(key, value.number()).in("alpha_pattern"));
    }
  }
  return {};
}

double LoraMetadata::factor(LoraPart part, std::string_view layer, double rank) const {
  std::optional<double> alpha = alphas_[static_cast<size_t>(part)].find(layer);
  const Json* one = find(part, "lora_alpha");
  if (!alpha && one && one->is_number()) alpha = one->number();
  if (!alpha) return 1;
  const Json* stabilised = find(part, "use_rslora");
  return *alpha / (stabilised && stabilised->boolean() ? std::sqrt(rank) : rank);
}

bool LoraMetadata::is_dora(LoraPart part) const {
  const Json* dora = find(part, "use_dora");
  return dora && dora->boolean();
}

const Json* LoraMetadata::find(LoraPart part, const char* key) const {
  return json_.find(one_for_all_ ? key : std::string(part_name(part)) + "." + key);
}

}  // namespace ipa
