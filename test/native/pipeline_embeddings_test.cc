// Textual inversions: text features as diffusers has them with the same files loaded
// (tools/goldens/embeddings.py).
#include <utility>
#include <vector>

#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/load/model_set.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/write/safetensors_writer.h"

namespace {

using ipa::Code;
using ipa::Json;
using ipa::ModelSet;

std::string file_of(const std::string& name) { return ipa_test::golden_folder() + "/embeddings/" + name; }

ipa::Result<std::unique_ptr<ModelSet>> load(const std::string& model, const std::vector<std::string>& files) {
  ipa::LoadRequest request;
  request.model = ipa_test::golden_folder() + "/models/" + model;
  for (const std::string& file : files) request.embeddings.push_back(file_of(file));
  request.threads = 2;
  return ModelSet::load(ipa_test::on_test_device(std::move(request)), nullptr);
}

std::vector<float> values(const ipa::TensorSource& source, const std::string& name) {
  const ipa::TensorInfo* info = source.find(name);
  if (!info) return {};
  std::vector<float> result(static_cast<size_t>(info->elements()));
  CHECK_OK(source.read_f32(*info, result.data()));
  return result;
}

TEST(pipeline_text_features_with_learned_tokens) {
  const Json index = ipa_test::read_json_file(ipa_test::golden_folder() + "/embeddings.json");
  auto golden = ipa::open_safetensors(ipa_test::golden_folder() + "/embeddings.safetensors");
  CHECK_OK(golden.status());
  if (!golden.ok() || !index.is_object()) return;
  const ipa::TensorSource& source = *golden.value();
  ipa_test::ErrorReport report("text features with learned tokens", 1e-5);
  for (const Json& entry : index.find("cases")->array()) {
    const std::string name = entry.find("name")->string(), model = entry.find("model")->string();
    std::vector<std::string> files;
    for (const Json& file : index.find("loaded")->find(model)->array())
      files.push_back(file.find("file")->string());
    auto models = load(model, files);
    CHECK_OK(models.status());
    if (!models.ok()) continue;
    for (const std::string text : {"prompt", "negative"}) {
      std::vector<ipa::TokenChunks> chunks;
      for (size_t i = 0; i < models.value()->text.size(); ++i) {
        const std::vector<float> ids = values(source, name + "." + text + "_ids." + std::to_string(i));
        chunks.push_back({std::vector<int32_t>(ids.begin(), ids.end()), std::vector<float>(ids.size(), 1.0f)});
      }
      auto features = ipa_test::encode_prompt(*models.value(), chunks);
      CHECK_OK(features.status());
      if (!features.ok()) continue;
      const ipa::TextFeatures& own = features.value();
      report.add(name, ipa_test::relative_error(own.features, values(source, name + "." + text + "_embeds")));
      if (!own.pooled.empty())
        report.add(name + " pooled",
                   ipa_test::relative_error(own.pooled, values(source, name + "." + text + "_pooled")));
    }
  }
}

TEST(pipeline_learned_tokens_have_ids_behind_the_vocabulary) {
  auto plain = load("sdxl", {}), more = load("sdxl", {"xl.safetensors", "wide.safetensors"});
  CHECK_OK(plain.status());
  CHECK_OK(more.status());
  if (!plain.ok() || !more.ok()) return;
  const int64_t sizes[] = {plain.value()->text[0]->network.config().vocab_size,
                           plain.value()->text[1]->network.config().vocab_size};
  const auto& tokens = more.value()->learned_tokens();
  CHECK_EQ(tokens.size(), size_t{2});
  CHECK_EQ(tokens[0].name, "");
  CHECK_EQ(tokens[1].name, "<wide>");
  CHECK_EQ(tokens[0].encoders[0].first, sizes[0]);
  CHECK_EQ(tokens[0].encoders[0].count, 2);
  CHECK_EQ(tokens[1].encoders[0].count, 0);
  CHECK_EQ(tokens[1].encoders[1].first, sizes[1] + 2);
  CHECK_EQ(more.value()->text[1]->network.config().vocab_size, sizes[1] + 4);
  const int64_t widths[] = {plain.value()->text[0]->network.config().stack.hidden_size,
                            plain.value()->text[1]->network.config().stack.hidden_size};
  CHECK_EQ(more.value()->parameters() - plain.value()->parameters(), 2 * widths[0] + 4 * widths[1]);
  CHECK(more.value()->memory_bytes() > plain.value()->memory_bytes());
}

TEST(pipeline_learned_tokens_of_another_width) {
  for (const std::string file : {"wide.safetensors", "xl.safetensors"}) {
    auto models = load("sd15", {file});
    CHECK_EQ(models.status().code(), Code::mismatch);
    CHECK(models.status().message().find(file) != std::string::npos);
  }
}

// A row that is another token's: both tokens must then mean the same.
TEST(pipeline_learned_tokens_in_a_model_in_one_file) {
  ipa::LoadRequest request;
  request.model = ipa_test::golden_folder() + "/models/single-sd1/model.safetensors";
  constexpr int32_t token = 5;
  auto source = ipa::open_safetensors(request.model);
  CHECK_OK(source.status());
  if (!source.ok()) return;
  const std::string table = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight";
  const std::vector<float> rows = values(*source.value(), table);
  const ipa::TensorInfo* info = source.value()->find(table);
  CHECK(info != nullptr);
  if (!info) return;
  const int64_t width = info->shape[1];
  for (const ipa::DType type : {ipa::DType::f32, ipa::DType::f16}) {
    const std::string path = ipa_test::scratch_folder() + "/row.safetensors";
    CHECK_OK(ipa::write_safetensors(path, {{"<five>", {1, width}, rows.data() + token * width, type}}));
    request.embeddings = {path};
    const auto models = ipa_test::load_golden_models(request);
    if (!models) return;
    const ipa::ClipTextConfig& config = models->text[0]->network.config();
    const auto learned = static_cast<int32_t>(models->learned_tokens()[0].encoders[0].first);
    CHECK_EQ(learned, static_cast<int32_t>(info->shape[0]));
    std::vector<std::vector<float>> features;
    for (const int32_t id : {token, learned}) {
      std::vector<ipa::TokenChunks> chunks(1);
      chunks[0].ids.assign(static_cast<size_t>(config.context), 1);
      chunks[0].ids[2] = id;
      chunks[0].weights.assign(chunks[0].ids.size(), 1.0f);
      auto result = ipa_test::encode_prompt(*models, chunks);
      CHECK_OK(result.status());
      if (result.ok()) features.push_back(result.value().features);
    }
    CHECK(features.size() == 2 && features[0] == features[1]);
  }
}

}  // namespace
