#include "weights/lora_names.h"

#include <utility>

namespace ipa {
namespace {

struct Prefix {
  std::string_view text;
  LoraPart part;
  bool underscores;
};
constexpr Prefix prefixes[] = {
    {"unet.", LoraPart::unet, false},
    {"text_encoder.", LoraPart::text_encoder, false},
    {"text_encoder_2.", LoraPart::text_encoder_2, false},
    {"lora_unet_", LoraPart::unet, true},
    {"lycoris_", LoraPart::unet, true},
    {"lora_te_", LoraPart::text_encoder, true},
    {"lora_te1_", LoraPart::text_encoder, true},
    {"lora_te2_", LoraPart::text_encoder_2, true},
};

struct Ending {
  std::string_view text;
  LoraRole role;
};
constexpr Ending endings[] = {
    {".lora_A.weight", LoraRole::down},
    {".lora_B.weight", LoraRole::up},
    {".lora_down.weight", LoraRole::down},
    {".lora_up.weight", LoraRole::up},
    {".lora_mid.weight", LoraRole::mid},
    {".lora.down.weight", LoraRole::down},
    {".lora.up.weight", LoraRole::up},
    {"_lora.down.weight", LoraRole::down},
    {"_lora.up.weight", LoraRole::up},
    {".hada_w1_a", LoraRole::hada_w1_a},
    {".hada_w1_b", LoraRole::hada_w1_b},
    {".hada_w2_a", LoraRole::hada_w2_a},
    {".hada_w2_b", LoraRole::hada_w2_b},
    {".hada_t1", LoraRole::hada_t1},
    {".hada_t2", LoraRole::hada_t2},
    {".lokr_w1", LoraRole::lokr_w1},
    {".lokr_w1_a", LoraRole::lokr_w1_a},
    {".lokr_w1_b", LoraRole::lokr_w1_b},
    {".lokr_w2", LoraRole::lokr_w2},
    {".lokr_w2_a", LoraRole::lokr_w2_a},
    {".lokr_w2_b", LoraRole::lokr_w2_b},
    {".lokr_t2", LoraRole::lokr_t2},
    {".diff", LoraRole::diff},
    {".diff_b", LoraRole::diff_b},
    {".w_norm", LoraRole::diff},
    {".b_norm", LoraRole::diff_b},
    {".alpha", LoraRole::alpha},
    {".lora_magnitude_vector", LoraRole::magnitude},
    {".lora_magnitude_vector.weight", LoraRole::magnitude},
    {".dora_scale", LoraRole::dora_scale},
};

constexpr std::pair<std::string_view, const char*> others[] = {
    {".hada_", "LoHa of an unknown layout"},
    {".lokr_", "LoKr of an unknown layout"},
    {".oft_", "OFT"},
    {".boft_", "BOFT"},
    {".a1.weight", "GLoRA"},
    {".a2.weight", "GLoRA"},
    {".b1.weight", "GLoRA"},
    {".b2.weight", "GLoRA"},
    {".on_input", "IA3"},
    {".lora_B.bias", "LoRA with biases"},
};

bool take_prefix(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool take_ending(std::string_view* text, std::string_view ending) {
  if (text->size() < ending.size() || text->substr(text->size() - ending.size()) != ending) return false;
  text->remove_suffix(ending.size());
  return true;
}

// Layer of diffusers' older spelling: `attn1.processor.to_out` is the layer attn1.to_out.0.
std::string processor_layer(std::string_view name) {
  std::string layer(name);
  const std::string processor = ".processor.";
  const size_t at = layer.rfind(processor);
  if (at != std::string::npos) layer.replace(at, processor.size(), ".");
  std::string_view rest = layer;
  return take_ending(&rest, ".to_out") ? layer + ".0" : layer;
}

}  // namespace

const char* lora_role_name(LoraRole role) {
  switch (role) {
    case LoraRole::down: return "lora_down";
    case LoraRole::up: return "lora_up";
    case LoraRole::mid: return "lora_mid";
    case LoraRole::hada_w1_a: return "hada_w1_a";
    case LoraRole::hada_w1_b: return "hada_w1_b";
    case LoraRole::hada_w2_a: return "hada_w2_a";
    case LoraRole::hada_w2_b: return "hada_w2_b";
    case LoraRole::hada_t1: return "hada_t1";
    case LoraRole::hada_t2: return "hada_t2";
    case LoraRole::lokr_w1: return "lokr_w1";
    case LoraRole::lokr_w1_a: return "lokr_w1_a";
    case LoraRole::lokr_w1_b: return "lokr_w1_b";
    case LoraRole::lokr_w2: return "lokr_w2";
    case LoraRole::lokr_w2_a: return "lokr_w2_a";
    case LoraRole::lokr_w2_b: return "lokr_w2_b";
    case LoraRole::lokr_t2: return "lokr_t2";
    case LoraRole::diff: return "diff";
    case LoraRole::diff_b: return "diff_b";
    case LoraRole::alpha: return "alpha";
    case LoraRole::magnitude: return "lora_magnitude_vector";
    case LoraRole::dora_scale: return "dora_scale";
  }
  return "";
}

std::optional<LoraName> parse_lora_name(std::string_view name) {
  for (const Prefix& prefix : prefixes) {
    std::string_view rest = name;
    if (!take_prefix(&rest, prefix.text)) continue;
    for (const Ending& ending : endings) {
      if (!take_ending(&rest, ending.text)) continue;
      LoraName parsed{prefix.part, prefix.underscores, ending.role, std::string(rest)};
      if (ending.text.front() == '_') parsed.layer = processor_layer(rest);
      return parsed;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

const char* other_lora_kind(std::string_view name) {
  for (const auto& other : others) {
    if (name.find(other.first) != std::string_view::npos) return other.second;
  }
  return nullptr;
}

}  // namespace ipa
