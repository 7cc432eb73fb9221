#include "weights/describe/other_families.h"

#include "safetensors_build.h"
#include "weights/describe/inspect.h"
#include "weights/formats/weight_file.h"

using ipa_test::NamedShapes;

namespace {

std::string family_of(const NamedShapes& shapes) {
  const std::string path = ipa_test::write_bytes(ipa_test::scratch_folder() + "/family.safetensors",
                                                 ipa_test::zeros_safetensors(shapes));
  auto source = ipa::open_weight_file(path);
  CHECK_OK(source.status());
  return source.ok() ? ipa::other_family(*source.value()) : "unreadable";
}

// Names of one kind of file, and what it is to be called.
struct Sample {
  const char* what;
  NamedShapes tensors;
};

}  // namespace

TEST_ONCE(weights_other_families_are_named) {
  const std::vector<int64_t> any = {2, 2};
  const std::vector<Sample> samples = {
      {"FLUX adapter",
       {{"double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight", any},
        {"double_blocks.0.processor.ip_adapter_double_stream_k_proj.bias", {2}},
        {"ip_adapter_proj_model.proj.weight", any}}},
      {"FLUX adapter", {{"image_proj.norm.weight", {4096}}, {"ip_adapter.0.to_k_ip.weight", {2, 4096}}}},
      {"FLUX checkpoint", {{"double_blocks.0.img_attn.qkv.weight", any}, {"img_in.weight", any}}},
      {"FLUX checkpoint", {{"model.diffusion_model.single_blocks.0.linear1.weight", any}}},
      {"FLUX checkpoint",
       {{"context_embedder.weight", any}, {"single_transformer_blocks.0.proj_mlp.weight", any}}},
      {"FLUX LoRA", {{"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", any}}},
      {"FLUX LoRA", {{"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", any}}},
      {"FLUX LoRA", {{"double_blocks.0.processor.qkv_lora1.down.weight", any}}},
      {"FLUX ControlNet",
       {{"controlnet_x_embedder.weight", any}, {"transformer_blocks.0.attn.to_q.weight", any}}},
      {"FLUX ControlNet", {{"controlnet_blocks.0.weight", any}, {"double_blocks.0.img_mlp.0.weight", any}}},
      {"FLUX or Stable Diffusion 3 LoRA", {{"transformer.transformer_blocks.0.attn.to_q.lora_A.weight", any}}},
      {"Stable Diffusion 3 checkpoint",
       {{"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", any}}},
      {"Stable Diffusion 3 checkpoint",
       {{"context_embedder.weight", any}, {"transformer_blocks.0.attn.add_k_proj.weight", any}}},
      {"Stable Diffusion 3 LoRA", {{"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_up.weight", any}}},
      {"Stable Diffusion 3 ControlNet",
       {{"controlnet_blocks.0.weight", any}, {"pos_embed_input.proj.weight", any}}},
      {"Stable Diffusion 3 adapter",
       {{"image_proj.time_embedding.linear_1.weight", any},
        {"ip_adapter.0.norm_ip.linear.weight", any},
        {"ip_adapter.0.to_k_ip.weight", any}}},
      {"Kolors adapter", {{"image_proj.proj_in.weight", {2, 1024}}, {"image_proj.proj_out.weight", {2048, 2}}}},
      {"Kolors adapter",
       {{"image_proj.perceiver_resampler.proj_in.weight", {2, 1024}},
        {"image_proj.perceiver_resampler.proj_out.weight", {2048, 2}}}},
      {"Kolors checkpoint", {{"encoder_hid_proj.weight", {2048, 4096}}, {"conv_in.weight", any}}},
      {"PhotoMaker adapter",
       {{"id_encoder.visual_projection_2.weight", any}, {"lora_weights.unet.x.lora_A.weight", any}}},
      {"PuLID adapter", {{"image_proj.mapping_patch_0.0.weight", any}, {"ip_adapter.1.to_k_ip.weight", any}}},
      {"PuLID adapter", {{"pulid_ca.0.to_q.weight", any}, {"pulid_encoder.latents", any}}},
      {"HunyuanDiT checkpoint", {{"text_embedding_padding", any}, {"blocks.0.attn1.Wqkv.weight", any}}},
      {"HunyuanDiT LoRA", {{"lora_unet_blocks_0_attn1_Wqkv.lora_down.weight", any}}},
      {"HunyuanVideo checkpoint", {{"double_blocks.0.img_attn_qkv.weight", any}}},
  };
  for (const Sample& sample : samples) CHECK_EQ(family_of(sample.tensors), sample.what);
}

TEST_ONCE(weights_own_families_are_not_refused) {
  const std::vector<NamedShapes> files = {
      {{"image_proj.norm.weight", {2048}}, {"ip_adapter.1.to_k_ip.weight", {1280, 2048}}},
      {{"image_proj.proj_in.weight", {2, 1280}}, {"image_proj.proj_out.weight", {2048, 2}}},
      {{"image_proj.proj_in.weight", {2, 1024}}, {"image_proj.proj_out.weight", {768, 2}}},
      {{"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", {2, 2}}},
      {{"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", {2, 2}}},
      {{"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight", {2, 2}}},
      {{"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", {2, 2}}},
      {{"encoder_hid_proj.weight", {768, 512}}},
      {{"controlnet_cond_embedding.conv_in.weight", {2, 2}}, {"controlnet_down_blocks.0.weight", {2, 2}}},
  };
  for (const NamedShapes& file : files) CHECK_EQ(family_of(file), "");
}

TEST_ONCE(weights_other_families_say_what_runs) {
  const std::string path =
      ipa_test::write_bytes(ipa_test::scratch_folder() + "/flux.safetensors",
                            ipa_test::zeros_safetensors({{"double_blocks.0.img_attn.qkv.weight", {2, 2}}}));
  auto source = ipa::open_weight_file(path);
  CHECK_OK(source.status());
  if (!source.ok()) return;
  const ipa::Status refused = ipa::refuse_other_family(*source.value());
  CHECK(refused.code() == ipa::Code::unsupported);
  CHECK(refused.message().find("this is a FLUX checkpoint; this engine runs Stable Diffusion 1, 2 and SDXL") !=
        std::string::npos);
  auto inspection = ipa::inspect(path);
  CHECK_OK(inspection.status());
  if (inspection.ok()) CHECK_EQ(inspection.value().unsupported, "FLUX checkpoint");
  CHECK_OK(ipa::refuse_other_pipeline("a", "StableDiffusionXLPipeline"));
  CHECK_OK(ipa::refuse_other_pipeline("a", "StableDiffusionPipeline"));
  for (const char* name : {"FluxPipeline", "StableDiffusion3Pipeline", "KolorsPipeline", "HunyuanDiTPipeline"})
    CHECK(ipa::refuse_other_pipeline("a", name).code() == ipa::Code::unsupported);
}
