#include "weights/names/lora_names.h"

#include <utility>

#include "weights/names/name_parts.h"

namespace ipa {
namespace {

// The first row that fits decides, so longer beginnings stand before those they begin with.
struct Prefix {
  std::string_view text;
  LoraPart part;
  bool underscores;
  size_t kept = 0;  // characters at its end that belong to the layer
};
constexpr Prefix prefixes[] = {
    // diffusers, and OneTrainer's newer layout for the UNet
    {"unet.", LoraPart::unet, false},
    {"text_encoder_2.", LoraPart::text_encoder_2, false},
    {"text_encoder.", LoraPart::text_encoder, false},
    // ComfyUI
    {"model.diffusion_model.", LoraPart::unet, false},
    {"diffusion_model.", LoraPart::unet, false},
    {"text_encoders.clip_l.transformer.", LoraPart::text_encoder, false},
    {"text_encoders.clip_h.transformer.", LoraPart::text_encoder, false},
    {"text_encoders.clip_g.transformer.", LoraPart::text_encoder_2, false},
    {"text_encoders.clip_l.", LoraPart::text_encoder, false},
    {"text_encoders.clip_h.", LoraPart::text_encoder, false},
    {"text_encoders.clip_g.", LoraPart::text_encoder_2, false},
    // OneTrainer's newer layout, ComfyUI
    {"clip_l.transformer.", LoraPart::text_encoder, false},
    {"clip_g.transformer.", LoraPart::text_encoder_2, false},
    {"clip_l.", LoraPart::text_encoder, false},
    {"clip_h.", LoraPart::text_encoder, false},
    {"clip_g.", LoraPart::text_encoder_2, false},
    // kohya's tools, OneTrainer, ai-toolkit
    {"lora_unet_", LoraPart::unet, true},
    {"lora_te1_", LoraPart::text_encoder, true},
    {"lora_te2_", LoraPart::text_encoder_2, true},
    {"lora_te_", LoraPart::text_encoder, true},
    // LyCORIS around one network
    {"lycoris_text_model_", LoraPart::text_encoder, true, 11},
    {"lycoris_", LoraPart::unet, true},
    // PEFT's own files and Replicate's cog name layers alone
    {"down_blocks.", LoraPart::unet, false, 12},
    {"mid_block.", LoraPart::unet, false, 10},
    {"up_blocks.", LoraPart::unet, false, 10},
    {"input_blocks.", LoraPart::unet, false, 13},
    {"middle_block.", LoraPart::unet, false, 13},
    {"output_blocks.", LoraPart::unet, false, 14},
    {"conv_in.", LoraPart::unet, false, 8},
    {"conv_out.", LoraPart::unet, false, 9},
    {"time_embedding.", LoraPart::unet, false, 15},
    {"add_embedding.", LoraPart::unet, false, 14},
    {"text_model.", LoraPart::text_encoder, false, 11},
};

// In front of all other prefixes, by tools that save a wrapped network.
constexpr std::string_view of_peft = "base_model.model.";
constexpr std::string_view wrappers[] = {of_peft, "module."};

// Networks that Stable Diffusion does not have, by where their names begin.
constexpr std::pair<std::string_view, const char*> other_families[] = {
    {"lora_prior_unet_", "Stable Cascade"},
    {"lora_prior_te_", "Stable Cascade"},
    {"lora_unet_double_blocks_", "Flux"},
    {"lora_unet_single_blocks_", "Flux"},
    {"diffusion_model.double_blocks.", "Flux"},
    {"diffusion_model.single_blocks.", "Flux"},
    {"double_blocks.", "Flux"},
    {"single_blocks.", "Flux"},
    {"transformer.single_transformer_blocks.", "Flux"},
    {"lora_unet_joint_blocks_", "Stable Diffusion 3"},
    {"diffusion_model.joint_blocks.", "Stable Diffusion 3"},
    {"lora_te3_", "Stable Diffusion 3"},
    {"text_encoder_3.", "Stable Diffusion 3"},
    {"transformer.", "a transformer model (such as Flux or Stable Diffusion 3)"},
    {"lora_transformer_", "a transformer model (such as Flux or Stable Diffusion 3)"},
    {"diffusion_model.blocks.", "a transformer model (such as Wan)"},
    {"diffusion_model.layers.", "a transformer model (such as Lumina)"},
    {"diffusion_model.transformer_blocks.", "a transformer model (such as Qwen-Image)"},
    {"lora_unet_blocks_", "a transformer model (such as Wan)"},
    {"text_encoders.t5", "a model with a T5 text encoder"},
    {"t5.", "a model with a T5 text encoder"},
};

struct Ending {
  std::string_view text;
  LoraRole role;
  // PEFT: ".weight" follows, and in front of it there may be a name
  // that its user chose: lora_A.default_0.weight.
  bool named = false;
  // diffusers' older spelling, in which the layer's last part is written otherwise.
  bool processor = false;
};
constexpr Ending endings[] = {
    {".lora_A", LoraRole::down, true},
    {".lora_B", LoraRole::up, true},
    {".lora_magnitude_vector", LoraRole::magnitude, true},
    {".lora_down.weight", LoraRole::down},
    {".lora_up.weight", LoraRole::up},
    {".lora_mid.weight", LoraRole::mid},
    {".lora.down.weight", LoraRole::down},
    {".lora.up.weight", LoraRole::up},
    {".lora_linear_layer.down.weight", LoraRole::down},
    {".lora_linear_layer.up.weight", LoraRole::up},
    {"_lora.down.weight", LoraRole::down, false, true},
    {"_lora.up.weight", LoraRole::up, false, true},
    {"_lora.alpha", LoraRole::alpha, false, true},
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
    {".dora_scale", LoraRole::dora_scale},
};

constexpr const char* whole_of_peft = "a whole weight or bias (PEFT's modules_to_save, base_layer or bias)";

// Kinds of changes that are not read here;
// the second list under a known prefix only, since its names are short.
constexpr std::pair<std::string_view, const char*> other_kinds[] = {
    {".hada_", "LoHa of an unknown layout"},
    {".lokr_", "LoKr of an unknown layout"},
    {".oft_", "OFT"},
    {"oft_unet_", "OFT"},
    {".boft_", "BOFT"},
    {".on_input", "IA3"},
    {".ia3_", "IA3"},
    {".vera_", "VeRA"},
    {"lora_controlnet", "Control-LoRA"},
    {"lllite_", "ControlNet-LLLite"},
    {".modules_to_save.", whole_of_peft},
    {".base_layer.", whole_of_peft},
};
constexpr std::pair<std::string_view, const char*> other_prefixed_kinds[] = {
    {".a1.weight", "GLoRA"},
    {".a2.weight", "GLoRA"},
    {".b1.weight", "GLoRA"},
    {".b2.weight", "GLoRA"},
    {".lora_B.", "LoRA with biases"},
    {".lora_up.bias", "LoRA with biases"},
    {".set_weight", "file with whole weights in place of changes"},
    {".reshape_weight", "LoRA that changes the shape of weights"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Layer of diffusers' older spelling: `attn1.processor.to_out` is the layer attn1.to_out.0,
// and in text encoders `self_attn.to_out` is self_attn.out_proj.
std::string processor_layer(std::string_view name, LoraPart part) {
  constexpr std::pair<std::string_view, const char*> in_text[] = {
      {".to_q", ".q_proj"}, {".to_k", ".k_proj"}, {".to_v", ".v_proj"}, {".to_out", ".out_proj"}};
  std::string_view rest = name;
  if (part != LoraPart::unet) {
    for (const auto& [theirs, ours] : in_text)
      if (take_end(rest, theirs)) return std::string(rest) + ours;
  }
  std::string layer(name);
  const std::string processor = ".processor.";
  const size_t at = layer.rfind(processor);
  if (at != std::string::npos) layer.replace(at, processor.size(), ".");
  rest = layer;
  return take_end(rest, ".to_out") ? layer + ".0" : layer;
}

bool take_named_ending(std::string_view* text, std::string_view ending) {
  std::string_view rest = *text;
  take_end(rest, ".weight");
  if (take_end(rest, ending)) {
    *text = rest;
    return true;
  }
  const size_t at = rest.rfind(std::string(ending) + ".");
  if (at == std::string_view::npos) return false;
  std::string_view name = rest.substr(at + ending.size() + 1);
  // The name may have dots of its own ("v1.0").
  if (name.empty() || name == "bias" || take_end(name, ".bias")) return false;
  *text = rest.substr(0, at);
  return true;
}

// What is left of `text` in front of the ending that was found.
const Ending* take_any_ending(std::string_view* text) {
  for (const Ending& ending : endings) {
    if (ending.named ? take_named_ending(text, ending.text) : take_end(*text, ending.text)) return &ending;
  }
  return nullptr;
}

template <size_t N>
const char* kind_in(std::string_view name, const std::pair<std::string_view, const char*> (&kinds)[N]) {
  for (const auto& [part, kind] : kinds)
    if (contains(name, part)) return kind;
  return nullptr;
}

bool looks_like_change(std::string_view name) {
  std::string_view rest = name;
  return take_any_ending(&rest) || contains(name, ".lora") || contains(name, "_lora.") ||
         contains(name, "lora_");
}

const Prefix* take_any_prefix(std::string_view* name) {
  for (const Prefix& prefix : prefixes) {
    if (name->size() <= prefix.text.size() || !take(*name, prefix.text)) continue;
    return &prefix;
  }
  return nullptr;
}

LoraTensor unknown(const char* why, bool other_family = false) {
  LoraTensor tensor;
  tensor.kind = LoraTensor::Kind::unknown;
  tensor.why = why;
  tensor.other_family = other_family;
  return tensor;
}

// Whatever PEFT saves takes a layer's place, even when its name is a model's own.
LoraTensor not_a_change(bool of_peft_itself) { return of_peft_itself ? unknown(whole_of_peft) : LoraTensor(); }

// TOKEN.ROWS, where the token may have dots of its own.
LoraTensor embedding(std::string_view name) {
  LoraTensor tensor;
  tensor.kind = LoraTensor::Kind::embedding;
  size_t at = name.rfind(".string_to_");
  if (at == std::string_view::npos) at = name.rfind('.');
  if (at == std::string_view::npos) return {};
  tensor.token = name.substr(0, at);
  tensor.rows = name.substr(at + 1);
  return tensor;
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

LoraTensor judge_lora_tensor(std::string_view name) {
  std::string_view rest = name;
  if (take(rest, "bundle_emb.")) return embedding(rest);
  const bool peft = begins_with(rest, of_peft);
  for (const std::string_view wrapper : wrappers) take(rest, wrapper);
  for (const auto& [prefix, family] : other_families) {
    std::string_view inside = rest;
    if (take(inside, prefix) && looks_like_change(inside)) return unknown(family, true);
  }
  if (const char* kind = kind_in(rest, other_kinds)) {
    std::string_view known = rest;
    if (!take_any_ending(&known)) return unknown(kind);
  }
  const std::string_view whole = rest;
  const Prefix* prefix = take_any_prefix(&rest);
  if (!prefix) return looks_like_change(whole) ? unknown(nullptr) : not_a_change(peft);
  rest = whole.substr(prefix->text.size() - prefix->kept);
  const Ending* ending = take_any_ending(&rest);
  if (!ending) {
    // Without a network in front the tensor may well be a model's own.
    if (prefix->kept && !looks_like_change(rest)) return not_a_change(peft);
    return unknown(kind_in(rest, other_prefixed_kinds));
  }
  LoraTensor tensor;
  tensor.kind = LoraTensor::Kind::change;
  tensor.name = {prefix->part, prefix->underscores, ending->role, std::string(rest)};
  if (ending->processor) tensor.name.layer = processor_layer(rest, prefix->part);
  return tensor;
}

}  // namespace ipa
