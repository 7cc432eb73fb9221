#include "weights/formats/sharded.h"

#include <filesystem>

#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/names/dialects.h"
#include "weights/write/convert.h"
#include "weights/write/safetensors_writer.h"

using ipa::Code;
using ipa_test::write_bytes;
using ipa_test::write_text;
using ipa_test::zeros_safetensors;

namespace {

std::string fresh_folder(const std::string& name) {
  const std::string folder = ipa_test::scratch_folder() + "/" + name;
  std::filesystem::create_directory(folder);
  return folder;
}

// One file with tensors of a single value each.
void write_values(const std::string& path, const std::vector<std::pair<std::string, float>>& values) {
  std::vector<ipa::TensorToWrite> tensors;
  for (const auto& value : values) tensors.push_back({value.first, {1}, &value.second});
  CHECK_OK(ipa::write_safetensors(path, tensors));
}

// Two shards, with a in the first, b and c in the second, and this weight_map.
Code open_with_map(const std::string& folder, const std::string& map) {
  write_values(folder + "/model-00001-of-00002.safetensors", {{"a", 1}});
  write_values(folder + "/model-00002-of-00002.safetensors", {{"b", 2}, {"c", 3}});
  write_text(folder + "/model.safetensors.index.json", map);
  return ipa::open_model_weights(folder, "model").status().code();
}

const std::string one = "\"model-00001-of-00002.safetensors\"", other = "\"model-00002-of-00002.safetensors\"";

std::string map_of(const std::string& members) {
  return "{\"metadata\":{\"total_size\":12},\"weight_map\":{" + members + "}}";
}

std::unique_ptr<ipa::TensorSource> memory(const ipa_test::NamedShapes& shapes) {
  auto source = ipa::open_safetensors_bytes(zeros_safetensors(shapes), "memory");
  CHECK_OK(source.status());
  return source.take();
}

}  // namespace

TEST_ONCE(weights_sharded_reads_all_shards) {
  const std::string folder = fresh_folder("shards");
  CHECK(open_with_map(folder, map_of("\"a\":" + one + ",\"b\":" + other + ",\"c\":" + other)) == Code::ok);
  const auto source = ipa::open_model_weights(folder, "model");
  if (!source.ok()) return;
  CHECK_EQ(source.value()->tensors().size(), size_t{3});
  CHECK(ipa_test::values_of(*source.value(), "a") == std::vector<float>{1});
  CHECK(ipa_test::values_of(*source.value(), "b") == std::vector<float>{2});
  CHECK(ipa_test::values_of(*source.value(), "c") == std::vector<float>{3});
  CHECK(source.value()->find("d") == nullptr);
}

TEST_ONCE(weights_sharded_index_must_match) {
  const std::string folder = fresh_folder("bad-shards");
  const auto code = [&](const std::string& members) { return open_with_map(folder, map_of(members)); };
  const std::string a = "\"a\":" + one, b = "\"b\":" + other, c = "\"c\":" + other;
  CHECK(code(a + "," + b) == Code::mismatch);
  CHECK(code(a + "," + b + "," + c + ",\"d\":" + other) == Code::missing_tensor);
  CHECK(code(a + "," + b + ",\"c\":" + one) == Code::mismatch);
  CHECK(code(a + "," + b + "," + c + "," + c) == Code::duplicate);
  CHECK(code(a + "," + b + ",\"c\":\"model-00003-of-00003.safetensors\"") == Code::not_found);
  CHECK(code(a + "," + b + ",\"c\":1") == Code::type);
  CHECK(code("") == Code::type);
  for (const char* name : {"../model.safetensors", "..", ".", "", "/etc/passwd", "sub/x.safetensors",
                           "sub\\\\x", "C:x", "a\\u0000b"}) {
    CHECK(code(a + "," + b + ",\"c\":\"" + name + "\"") == Code::range);
  }
  CHECK(open_with_map(folder, "{") == Code::syntax);
  CHECK(open_with_map(folder, "{}") == Code::type);
  CHECK(open_with_map(folder, "{\"weight_map\":[]}") == Code::type);
  CHECK(open_with_map(folder, std::string(100000, '[')) == Code::limit);
  // The same tensor in both shards.
  write_text(folder + "/model.safetensors.index.json", map_of(a + "," + b + "," + c));
  write_values(folder + "/model-00001-of-00002.safetensors", {{"a", 1}, {"b", 2}});
  CHECK(ipa::open_model_weights(folder, "model").status().code() == Code::duplicate);
  // A shard that is cut short: its own code, with the index named.
  write_bytes(folder + "/model-00001-of-00002.safetensors", {1, 2, 3});
  const ipa::Status status = ipa::open_model_weights(folder, "model").status();
  CHECK(status.code() == Code::truncated);
  CHECK(status.message().find("index.json") != std::string::npos &&
        status.message().find("00001-of") != std::string::npos);
}

TEST_ONCE(weights_sharded_finds_the_file) {
  const std::string folder = fresh_folder("stems");
  const auto value = [&] {
    const auto source = ipa::open_model_weights(folder, ipa::diffusers_stem);
    CHECK_OK(source.status());
    return source.ok() ? ipa_test::values_of(*source.value(), "x")[0] : 0.0f;
  };
  const auto code = [&] { return ipa::open_model_weights(folder, ipa::diffusers_stem).status().code(); };
  CHECK(code() == Code::not_found);
  write_text(folder + "/config.json", "{}");
  write_text(folder + "/model.safetensors", "another stem");
  CHECK(code() == Code::not_found);
  write_text(folder + "/diffusion_pytorch_model.bin", "PK");
  CHECK(code() == Code::truncated);
  write_values(folder + "/shard.safetensors", {{"x", 4}});
  write_text(folder + "/diffusion_pytorch_model.safetensors.index.fp16.json",
             "{\"weight_map\":{\"x\":\"shard.safetensors\"}}");
  CHECK_EQ(value(), 4.0f);
  write_values(folder + "/diffusion_pytorch_model.fp16.safetensors", {{"x", 3}});
  CHECK_EQ(value(), 3.0f);
  write_values(folder + "/shard.safetensors", {{"x", 2}});
  write_text(folder + "/diffusion_pytorch_model.safetensors.index.json",
             "{\"weight_map\":{\"x\":\"shard.safetensors\"}}");
  CHECK_EQ(value(), 2.0f);
  write_values(folder + "/diffusion_pytorch_model.safetensors", {{"x", 1}});
  CHECK_EQ(value(), 1.0f);
  CHECK(ipa::open_model_weights(folder + "/none", "model").status().code() == Code::not_found);
}

TEST_ONCE(weights_sharded_finds_one_gguf_under_any_name) {
  const std::string folder = fresh_folder("gguf-names");
  const auto add = [&](float value, const std::string& name) {
    const std::string from = ipa_test::scratch_folder() + "/one.safetensors";
    write_values(from, {{"x", value}});
    CHECK_OK(ipa::convert({from, folder + "/" + name, ipa::DType::f32, true}).status());
  };
  const auto value = [&] {
    const auto source = ipa::open_model_weights(folder, ipa::diffusers_stem);
    CHECK_OK(source.status());
    return source.ok() ? ipa_test::values_of(*source.value(), "x")[0] : 0.0f;
  };
  write_text(folder + "/config.json", "{}");
  add(1, "unet-Q8_0.gguf");
  CHECK_EQ(value(), 1.0f);
  add(2, "unet-Q4_0.gguf");
  const ipa::Status status = ipa::open_model_weights(folder, ipa::diffusers_stem).status();
  CHECK(status.code() == Code::not_found);
  CHECK(status.message().find("holds 2 .gguf files; call the one to use diffusion_pytorch_model.gguf") !=
        std::string::npos);
  add(3, "diffusion_pytorch_model.gguf");
  CHECK_EQ(value(), 3.0f);
  write_values(folder + "/diffusion_pytorch_model.safetensors", {{"x", 4}});
  CHECK_EQ(value(), 4.0f);
}

TEST_ONCE(weights_dialects_clip) {
  const auto names = [](const ipa::Result<std::unique_ptr<ipa::TensorSource>>& source) {
    CHECK_OK(source.status());
    std::string all;
    if (source.ok()) {
      for (const ipa::TensorInfo& info : source.value()->tensors()) all += info.name + " ";
    }
    return all;
  };
  CHECK_EQ(
      names(ipa::with_clip_text_names(memory({{"embeddings.token_embedding.weight", {4, 2}},
                                              {"embeddings.position_ids", {1, 2}},
                                              {"final_layer_norm.bias", {2}},
                                              {"text_projection.weight", {2, 2}}}))),
      "text_model.embeddings.token_embedding.weight text_model.final_layer_norm.bias text_projection.weight ");
  const ipa_test::NamedShapes whole = {{"logit_scale", {}},
                                       {"text_model.embeddings.position_ids", {1, 2}},
                                       {"text_model.final_layer_norm.bias", {2}},
                                       {"text_projection.weight", {2, 2}},
                                       {"vision_model.pre_layrnorm.weight", {2}},
                                       {"visual_projection.weight", {2, 2}}};
  CHECK_EQ(names(ipa::with_clip_text_names(memory(whole))),
           "text_model.final_layer_norm.bias text_projection.weight ");
  CHECK_EQ(names(ipa::with_clip_vision_names(memory(whole))),
           "vision_model.pre_layrnorm.weight visual_projection.weight ");
  CHECK_EQ(names(ipa::with_clip_vision_names(
               memory({{"pre_layrnorm.weight", {2}}, {"visual_projection.weight", {2, 2}}}))),
           "vision_model.pre_layrnorm.weight visual_projection.weight ");
}

TEST_ONCE(weights_dialects_vae) {
  const std::string at = "encoder.mid_block.attentions.0.";
  const auto source =
      ipa::with_vae_names(memory({{at + "group_norm.weight", {2}},
                                  {at + "query.weight", {2, 2, 1, 1}},
                                  {at + "query.bias", {2}},
                                  {at + "key.weight", {2, 2}},
                                  {at + "value.weight", {2, 2}},
                                  {at + "proj_attn.weight", {2, 2}},
                                  {at + "proj_attn.bias", {2}},
                                  {"decoder.mid_block.attentions.0.to_out.0.weight", {2, 2, 1, 1}},
                                  {"quant_conv.weight", {8, 8, 1, 1}}}));
  CHECK_OK(source.status());
  if (!source.ok()) return;
  for (const char* name : {"group_norm.weight", "to_q.weight", "to_q.bias", "to_k.weight", "to_v.weight",
                           "to_out.0.weight", "to_out.0.bias"}) {
    CHECK(source.value()->find(at + name) != nullptr);
  }
  CHECK(source.value()->find(at + "to_q.weight")->shape == (std::vector<int64_t>{2, 2}));
  CHECK(source.value()->find("decoder.mid_block.attentions.0.to_out.0.weight")->shape ==
        (std::vector<int64_t>{2, 2}));
  CHECK(source.value()->find("quant_conv.weight")->shape.size() == 4);
  CHECK(ipa_test::values_of(*source.value(), at + "to_q.weight") == std::vector<float>(4, 0.0f));
  CHECK(ipa::with_vae_names(memory({{at + "query.weight", {2, 2}}, {at + "to_q.weight", {2, 2}}}))
            .status()
            .code() == Code::duplicate);
}
