#include "weights/describe/inspect.h"

#include <filesystem>

#include "safetensors_build.h"
#include "weights/write/convert.h"

using ipa::Code;
using ipa_test::NamedShapes;

namespace {

const NamedShapes adapter = {
    {"image_proj.norm.bias", {768}},           {"image_proj.norm.weight", {768}},
    {"image_proj.proj.bias", {3072}},          {"image_proj.proj.weight", {3072, 1024}},
    {"ip_adapter.1.to_k_ip.weight", {8, 768}}, {"ip_adapter.1.to_v_ip.weight", {8, 768}}};

NamedShapes unet(const std::vector<int64_t>& proj_in, bool added_embedding) {
  NamedShapes shapes = {{"conv_in.weight", {8, 4, 3, 3}},
                        {"time_embedding.linear_1.weight", {8, 8}},
                        {"up_blocks.0.resnets.0.conv1.weight", {8, 8, 3, 3}},
                        {"down_blocks.0.attentions.0.proj_in.weight", proj_in}};
  if (added_embedding) shapes.push_back({"add_embedding.linear_1.weight", {8, 8}});
  return shapes;
}

std::string write_zeros(const std::string& path, const NamedShapes& shapes) {
  return ipa_test::write_bytes(path, ipa_test::zeros_safetensors(shapes));
}

ipa::Inspection inspected(const std::string& path) {
  auto result = ipa::inspect(path);
  CHECK_OK(result.status());
  return result.ok() ? result.take() : ipa::Inspection();
}

ipa::Inspection inspected(const NamedShapes& shapes) {
  return inspected(write_zeros(ipa_test::scratch_folder() + "/inspected.any", shapes));
}

}  // namespace

TEST_ONCE(weights_inspect_files_by_content) {
  const ipa::Inspection a = inspected(adapter);
  CHECK_EQ(a.kind, "ip-adapter");
  CHECK_EQ(a.format, "safetensors");
  CHECK_EQ(a.family, "sd1");
  CHECK_EQ(a.variant, "base");
  CHECK_EQ(a.encoder, "ViT-H/14 (1024)");
  CHECK_EQ(a.tokens, 4);
  CHECK_EQ(a.tensors, uint64_t{6});
  CHECK_EQ(a.parameters, uint64_t{768 + 768 + 3072 + 3072 * 1024 + 2 * 8 * 768});
  CHECK_EQ(a.bytes, 2 * a.parameters);
  CHECK(a.types == (std::map<std::string, uint64_t>{{"F16", 6}}));
  CHECK_EQ(a.path, "");
  CHECK(inspected(unet({8, 8, 1, 1}, false)).kind == "unet" &&
        inspected(unet({8, 8, 1, 1}, false)).family == "sd1");
  CHECK_EQ(inspected(unet({8, 8}, false)).family, "sd2");
  CHECK_EQ(inspected(unet({8, 8}, true)).family, "sdxl");
  CHECK_EQ(
      inspected(
          {{"encoder.conv_in.weight", {1}}, {"decoder.conv_in.weight", {1}}, {"decoder.conv_out.weight", {1}}})
          .kind,
      "vae");
  for (const char* prefix : {"text_model.", ""}) {
    const std::string p = prefix;
    CHECK_EQ(
        inspected({{p + "embeddings.token_embedding.weight", {1}}, {p + "final_layer_norm.weight", {1}}}).kind,
        "text_encoder");
  }
  for (const char* prefix : {"vision_model.", ""}) {
    const std::string p = prefix;
    CHECK_EQ(inspected({{p + "embeddings.patch_embedding.weight", {1}}, {p + "pre_layrnorm.weight", {1}}}).kind,
             "image_encoder");
  }
  CHECK_EQ(inspected({{"anything", {2}}}).kind, "tensors");
}

TEST_ONCE(weights_inspect_model_folders) {
  const std::string folder = ipa_test::scratch_folder() + "/inspected-model";
  for (const char* sub : {"", "/unet", "/vae", "/adapters", "/tokenizer"})
    std::filesystem::create_directory(folder + sub);
  ipa_test::write_text(folder + "/model_index.json", "{\"_class_name\":\"StableDiffusionXLPipeline\"}");
  write_zeros(folder + "/unet/diffusion_pytorch_model.safetensors", unet({8, 8}, true));
  write_zeros(
      folder + "/vae/diffusion_pytorch_model.fp16.safetensors",
      {{"encoder.conv_in.weight", {1}}, {"decoder.conv_in.weight", {1}}, {"decoder.conv_out.weight", {1}}});
  write_zeros(folder + "/adapters/x.safetensors", adapter);
  ipa_test::write_text(folder + "/tokenizer/vocab.json", "{}");
  const ipa::Inspection model = inspected(folder);
  CHECK_EQ(model.kind, "model");
  CHECK_EQ(model.format, "diffusers");
  CHECK_EQ(model.family, "sdxl");
  CHECK_EQ(model.components.size(), size_t{3});
  if (model.components.size() != 3) return;
  CHECK_EQ(model.components[0].path, "adapters/x.safetensors");
  CHECK_EQ(model.components[0].variant, "base");
  CHECK_EQ(model.components[1].path, "unet");
  CHECK_EQ(model.components[1].format, "diffusers");
  CHECK_EQ(model.components[2].kind, "vae");
  CHECK_EQ(model.tensors, uint64_t{6 + 5 + 3});
  CHECK_EQ(model.types.at("F16"), uint64_t{14});
  CHECK_EQ(model.parameters,
           model.components[0].parameters + model.components[1].parameters + model.components[2].parameters);
  CHECK_EQ(inspected(folder + "/unet").kind, "unet");
  // Its weights may be a GGUF file under any name.
  CHECK_OK(ipa::convert({folder + "/unet", folder + "/vae/unet-f16.gguf", ipa::DType::f16}).status());
  std::filesystem::remove(folder + "/unet/diffusion_pytorch_model.safetensors");
  std::filesystem::rename(folder + "/vae/unet-f16.gguf", folder + "/unet/unet-f16.gguf");
  CHECK_EQ(inspected(folder + "/unet").kind, "unet");
  CHECK_EQ(inspected(folder + "/unet").tensors, uint64_t{5});
  CHECK_EQ(inspected(folder).components[1].path, "unet/unet-f16.gguf");
  // One broken component is not passed over.
  ipa_test::write_text(folder + "/unet/diffusion_pytorch_model.safetensors", "short");
  const ipa::Status status = ipa::inspect(folder).status();
  CHECK(status.code() == Code::truncated && status.message().find("unet") != std::string::npos);
}

TEST_ONCE(weights_inspect_refuses) {
  const std::string folder = ipa_test::scratch_folder() + "/inspected-empty";
  std::filesystem::create_directory(folder);
  CHECK(ipa::inspect(folder).status().code() == Code::not_found);
  CHECK(ipa::inspect(folder + "/none").status().code() == Code::not_found);
  CHECK(ipa::inspect("").status().code() == Code::not_found);
  std::filesystem::create_directory(folder + "/unet");
  ipa_test::write_text(folder + "/unet/diffusion_pytorch_model.bin", "PK");
  CHECK(ipa::inspect(folder).status().code() == Code::truncated);
  CHECK(ipa::inspect(folder + "/unet").status().code() == Code::truncated);
  ipa_test::write_text(folder + "/model_index.json", "{");
  CHECK(ipa::inspect(folder).status().code() == Code::syntax);
}
