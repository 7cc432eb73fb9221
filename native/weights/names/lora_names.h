// Names of the tensors in LoRA files: the layer a tensor changes, and what it is of the change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ipa {

// The network a layer belongs to.
enum class LoraPart : uint8_t { unet, text_encoder, text_encoder_2 };
constexpr size_t lora_parts = 3;

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

// What one tensor of a LoRA file is, by its name alone. Loading a file and telling what it is both ask this.
struct LoraTensor {
  enum class Kind : uint8_t {
    change,     // of a layer: `name` says of which, and how
    unknown,    // looks like a change of a layer, but is not read here: `why`
    embedding,  // a token's learned rows that come along: `token` and `rows`
    other,      // has nothing to do with layers
  };
  Kind kind = Kind::other;
  LoraName name;
  // The kind of change ("IA3"), or nullptr when that is not known either.
  const char* why = nullptr;
  bool other_family = false;  // `why` is a model that is no Stable Diffusion ("Stable Cascade")
  std::string_view token;     // AUTOMATIC1111's and OneTrainer's `bundle_emb.TOKEN.ROWS`
  std::string_view rows;
};

// Knows the names of kohya's tools, OneTrainer, diffusers, PEFT, ai-toolkit, LyCORIS,
// Replicate's cog and ComfyUI. Views are into `name`.
LoraTensor judge_lora_tensor(std::string_view name);

}  // namespace ipa
