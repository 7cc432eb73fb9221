// Names of the tensors in LoRA files: the layer a tensor changes, and what it is of the change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ipa {

// The network a layer belongs to.
enum class LoraPart : uint8_t { unet, text_encoder, text_encoder_2 };

enum class LoraRole : uint8_t {
  down,  // LoRA and LoCon
  up,
  mid,
  hada_w1_a,  // LoHa
  hada_w1_b,
  hada_w2_a,
  hada_w2_b,
  hada_t1,
  hada_t2,
  lokr_w1,  // LoKr
  lokr_w1_a,
  lokr_w1_b,
  lokr_w2,
  lokr_w2_a,
  lokr_w2_b,
  lokr_t2,
  diff,  // the whole difference
  diff_b,
  alpha,
  magnitude,   // DoRA as PEFT writes it
  dora_scale,  // DoRA as LyCORIS does
};
constexpr size_t lora_roles = 21;
// As most files write it: "lora_down".
const char* lora_role_name(LoraRole role);

struct LoraName {
  LoraPart part = LoraPart::unet;
  bool underscores = false;  // the layer's path has them for dots
  LoraRole role = LoraRole::down;
  std::string layer;
};

// The spellings of diffusers (PEFT's and the older one), kohya's tools and LyCORIS.
std::optional<LoraName> parse_lora_name(std::string_view name);

// What a tensor belongs to when its name is of a change that is not read here ("OFT"); nullptr when it is none.
const char* other_lora_kind(std::string_view name);

}  // namespace ipa
