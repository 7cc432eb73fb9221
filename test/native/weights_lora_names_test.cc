// What a tensor of a LoRA file is by its name, tool by tool; PEFT's patterns.
#include <string>

#include "harness.h"
#include "weights/names/layer_patterns.h"
#include "weights/names/lora_names.h"

namespace {

using ipa::LoraPart;
using ipa::LoraRole;
using ipa::LoraTensor;
using Kind = ipa::LoraTensor::Kind;

struct Change {
  const char* tensor;
  LoraPart part;
  LoraRole role;
  const char* layer;
};

TEST_ONCE(weights_lora_names_of_each_tool) {
  const Change changes[] = {
      // kohya's sd-scripts
      {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", LoraPart::unet, LoraRole::down,
       "mid_block_attentions_0_proj_in"},
      {"lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", LoraPart::text_encoder, LoraRole::alpha,
       "text_model_encoder_layers_0_mlp_fc1"},
      {"lora_te1_a.lora_up.weight", LoraPart::text_encoder, LoraRole::up, "a"},
      {"lora_te2_a.lora_mid.weight", LoraPart::text_encoder_2, LoraRole::mid, "a"},
      // OneTrainer
      {"unet.input_blocks.4.1.proj_in.lora_up.weight", LoraPart::unet, LoraRole::up,
       "input_blocks.4.1.proj_in"},
      {"clip_l.text_model.a.lora_down.weight", LoraPart::text_encoder, LoraRole::down, "text_model.a"},
      {"clip_g.text_model.a.dora_scale", LoraPart::text_encoder_2, LoraRole::dora_scale, "text_model.a"},
      // PEFT and diffusers
      {"unet.a.lora_A.weight", LoraPart::unet, LoraRole::down, "a"},
      {"unet.a.lora_B.default_0.weight", LoraPart::unet, LoraRole::up, "a"},
      {"unet.a.lora_B.v1.0.weight", LoraPart::unet, LoraRole::up, "a"},
      {"unet.a.lora_magnitude_vector.default", LoraPart::unet, LoraRole::magnitude, "a"},
      {"base_model.model.mid_block.a.lora_A.weight", LoraPart::unet, LoraRole::down, "mid_block.a"},
      {"base_model.model.text_model.a.lora_A.weight", LoraPart::text_encoder, LoraRole::down, "text_model.a"},
      {"text_encoder.text_model.x.self_attn.to_out_lora.up.weight", LoraPart::text_encoder, LoraRole::up,
       "text_model.x.self_attn.out_proj"},
      {"text_encoder_2.x.mlp.fc1.lora_linear_layer.down.weight", LoraPart::text_encoder_2, LoraRole::down,
       "x.mlp.fc1"},
      // ai-toolkit
      {"lora_unet_a.lora_up.weight", LoraPart::unet, LoraRole::up, "a"},
      // LyCORIS
      {"lycoris_down_blocks_0_a.lokr_w2_b", LoraPart::unet, LoraRole::lokr_w2_b, "down_blocks_0_a"},
      {"lycoris_text_model_a.hada_w1_a", LoraPart::text_encoder, LoraRole::hada_w1_a, "text_model_a"},
      {"lora_unet_a.w_norm", LoraPart::unet, LoraRole::diff, "a"},
      // Replicate's cog
      {"down_blocks.1.attn1.processor.to_out_lora.down.weight", LoraPart::unet, LoraRole::down,
       "down_blocks.1.attn1.to_out.0"},
      // ComfyUI
      {"diffusion_model.input_blocks.1.0.in_layers.2.diff_b", LoraPart::unet, LoraRole::diff_b,
       "input_blocks.1.0.in_layers.2"},
      {"text_encoders.clip_g.transformer.text_model.a.lora_up.weight", LoraPart::text_encoder_2, LoraRole::up,
       "text_model.a"},
  };
  for (const Change& change : changes) {
    const LoraTensor judged = ipa::judge_lora_tensor(change.tensor);
    CHECK(judged.kind == Kind::change);
    CHECK(judged.name.part == change.part);
    CHECK(judged.name.role == change.role);
    CHECK_EQ(judged.name.layer, std::string(change.layer));
  }
}

TEST_ONCE(weights_lora_names_that_are_no_changes) {
  struct {
    const char* tensor;
    Kind kind;
    const char* why;
  } const tensors[] = {
      {"lora_unet_a.on_input", Kind::unknown, "IA3"},
      {"lora_unet_a.weight", Kind::unknown, nullptr},
      {"unet.a.lora_C.weight", Kind::unknown, nullptr},
      {"something.lora_A.weight", Kind::unknown, nullptr},
      {"unet.a.lora_B.bias", Kind::unknown, "LoRA with biases"},
      {"unet.a.lora_B.v1.0.bias", Kind::unknown, "LoRA with biases"},
      {"lora_controlnet", Kind::unknown, "Control-LoRA"},
      {"transformer.single_transformer_blocks.0.a.lora_A.weight", Kind::unknown, "Flux"},
      {"transformer.a.weight", Kind::other, nullptr},
      {"emb_params", Kind::other, nullptr},
      {"conv_in.weight", Kind::other, nullptr},
      {"bundle_emb.v1.5 bird.clip_l", Kind::embedding, nullptr},
      {"bundle_emb.bird", Kind::other, nullptr},
  };
  for (const auto& tensor : tensors) {
    const LoraTensor judged = ipa::judge_lora_tensor(tensor.tensor);
    CHECK(judged.kind == tensor.kind);
    CHECK_EQ(std::string(judged.why ? judged.why : ""), std::string(tensor.why ? tensor.why : ""));
  }
  const LoraTensor rows = ipa::judge_lora_tensor("bundle_emb.v1.5 bird.string_to_param.*");
  CHECK_EQ(std::string(rows.token), std::string("v1.5 bird"));
  CHECK_EQ(std::string(rows.rows), std::string("string_to_param.*"));
}

double found(const ipa::LayerPatterns& patterns, const char* layer) {
  return patterns.find(layer).value_or(-1);
}

TEST_ONCE(weights_layer_patterns) {
  ipa::LayerPatterns patterns;
  CHECK_OK(patterns.add("attn2.to_k", 1));
  CHECK_OK(patterns.add("^to_k", 2));
  CHECK_OK(patterns.add("mid.*\\.to_q", 3));
  CHECK_OK(patterns.add("to_q", 4));
  CHECK_OK(patterns.add("to_k", 5));
  CHECK_EQ(found(patterns, "a.attn2.to_k"), 1.0);
  CHECK_EQ(found(patterns, "to_k"), 2.0);
  CHECK_EQ(found(patterns, "a.mid_block.attn1.to_q"), 3.0);
  CHECK_EQ(found(patterns, "amid_block.attn1.to_q"), 4.0);
  CHECK_EQ(found(patterns, "a.to_k"), 5.0);
  CHECK_EQ(found(patterns, "a.xto_k"), -1.0);
  CHECK_EQ(patterns.add("to_[qk]", 1).code(), ipa::Code::unsupported);
}

}  // namespace
