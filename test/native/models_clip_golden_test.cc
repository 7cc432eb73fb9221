// CLIP's text and image encoders against transformers.
#include "golden_case.h"
#include "harness.h"
#include "models/clip_text.h"
#include "models/clip_vision.h"
#include "weights/formats/sharded.h"
#include "weights/names/dialects.h"

namespace {

using ipa::Json;
using ipa::Shape;
using ipa::Value;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::Tensor;

constexpr double allowed = 1e-4;

ipa::Result<std::unique_ptr<ipa::TensorSource>> text_weights(const std::string& folder) {
  IPA_ASSIGN(auto source, ipa::open_model_weights(folder, ipa::transformers_stem));
  return ipa::with_clip_text_names(std::move(source));
}

ipa::Result<std::unique_ptr<ipa::TensorSource>> vision_weights(const std::string& folder) {
  IPA_ASSIGN(auto source, ipa::open_model_weights(folder, ipa::transformers_stem));
  return ipa::with_clip_vision_names(std::move(source));
}

void check_text(const std::string& name, const std::string& network = "text_encoder") {
  const GoldenFolder folder(name);
  const std::string path = folder.path(network);
  const auto config = ipa::ClipTextConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::ClipTextConfig& c = config.value();
  ErrorReport report(name + "/" + network, allowed);
  for (const Json* entry : folder.cases(network)) {
    const std::string title = entry->find("name")->string();
    const Tensor tokens = folder.input(*entry, "input_ids");
    const int64_t n = tokens.size(0);
    CHECK_EQ(tokens.size(1), c.context);
    const std::vector<int32_t> ids = ipa_test::as_ids(tokens);
    std::vector<int32_t> eos;
    for (int64_t i = 0; i < n; ++i)
      eos.push_back(static_cast<int32_t>(i * c.context + c.eos_position(ids.data() + i * c.context)));

    NetworkRun run("the text encoder");
    const Value id_input = run.ids(ipa::tokens_shape(n, c.context, 1), ids);
    const Value eos_input = c.projection_size ? run.ids({n, 1, 1, 1}, eos) : Value{};
    const ipa::ClipText::Outputs outputs = ipa::ClipText(c).build(run.graph(), id_input, eos_input);
    std::vector<Value> wanted = {outputs.last, outputs.penultimate};
    if (outputs.pooled.valid()) wanted.push_back(outputs.pooled);
    if (!run.run(text_weights(path), wanted)) return;
    const std::vector<float> last = run.result(outputs.last);
    report.add(title + " last_hidden_state",
               relative_error(last, folder.output(*entry, "last_hidden_state").values));
    report.add(title + " penultimate",
               relative_error(run.result(outputs.penultimate), folder.output(*entry, "penultimate").values));
    CHECK_EQ(outputs.pooled.valid(), GoldenFolder::has(*entry, "outputs", "text_embeds"));
    if (outputs.pooled.valid()) {
      report.add(title + " text_embeds",
                 relative_error(run.result(outputs.pooled), folder.output(*entry, "text_embeds").values));
      continue;
    }
    // Without a projection the pooled feature is a row of the last hidden state: this shows which one.
    std::vector<float> pooled;
    for (int32_t row : eos)
      pooled.insert(pooled.end(), last.begin() + row * c.stack.hidden_size,
                    last.begin() + (row + 1) * c.stack.hidden_size);
    report.add(title + " pooler_output", relative_error(pooled, folder.output(*entry, "pooler_output").values));
  }
}

void check_vision(const std::string& name) {
  const GoldenFolder folder(name);
  const std::string path = folder.path("image_encoder");
  const auto config = ipa::ClipVisionConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::ClipVisionConfig& c = config.value();
  ErrorReport report(name + "/image_encoder", allowed);
  for (const Json* entry : folder.cases("image_encoder")) {
    const std::string title = entry->find("name")->string();
    const Tensor pixels = channels_last(folder.input(*entry, "pixel_values"));
    const int64_t n = pixels.size(0);
    CHECK_EQ(pixels.size(1), c.image_size);
    std::vector<int32_t> class_rows;
    for (int64_t i = 0; i < n; ++i) class_rows.push_back(static_cast<int32_t>(i * c.tokens()));

    NetworkRun run("the image encoder");
    const Value pixel_input = run.input({n, c.image_size, c.image_size, 3}, pixels.values);
    const Value row_input = run.ids({n, 1, 1, 1}, class_rows);
    const ipa::ClipVision::Outputs outputs = ipa::ClipVision(c).build(run.graph(), pixel_input, row_input);
    if (!run.run(vision_weights(path), {outputs.embedding, outputs.penultimate})) return;
    report.add(title + " image_embeds",
               relative_error(run.result(outputs.embedding), folder.output(*entry, "image_embeds").values));
    report.add(title + " penultimate",
               relative_error(run.result(outputs.penultimate), folder.output(*entry, "penultimate").values));
  }
}

}  // namespace

TEST(models_clip_text_matches_transformers) {
  for (const char* name : {"sd15", "sdxl", "sd2", "text-77", "text-77-gelu-projection"}) check_text(name);
  check_text("sdxl", "text_encoder_2");
}

TEST(models_clip_vision_matches_transformers) {
  for (const char* name : {"sd15", "sdxl", "sd2", "vision-bigg", "vision-quick", "vision-odd"})
    check_vision(name);
}
