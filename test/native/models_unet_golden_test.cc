// UNet2DConditionModel against diffusers: every block type, class and size embeddings,
// and IP-Adapters of every variant.
#include <cmath>

#include "golden_case.h"
#include "golden_unet.h"
#include "harness.h"
#include "models/unet.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/sharded.h"

namespace {

using ipa::Json;
using ipa::UNetConfig;
using ipa::Value;
using ipa_test::addition_rows;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::sinusoid;
using ipa_test::Tensor;

Value class_input(NetworkRun& run, const UNetConfig& c, const Tensor& labels) {
  const int64_t n = labels.size(0);
  if (c.class_embedding == ipa::ClassEmbedding::table) return run.ids({n, 1, 1, 1}, ipa_test::as_ids(labels));
  if (c.class_embedding != ipa::ClassEmbedding::timestep)
    return run.input({n, 1, 1, labels.size(1)}, labels.values);
  std::vector<float> rows;
  for (float label : labels.values) {
    const std::vector<float> part = sinusoid(c, static_cast<double>(label), c.sinusoid_size());
    rows.insert(rows.end(), part.begin(), part.end());
  }
  return run.input({n, 1, 1, c.sinusoid_size()}, rows);
}

// One adapter of a case: its projection and the keys and values it gives every cross layer.
struct AdapterRun {
  NetworkRun run{"the adapter"};
  std::vector<Value> keys;
  int64_t tokens = 0;

  bool make(const std::string& file, const Tensor& embeds, const std::vector<ipa::CrossLayer>& layers) {
    const auto weights = ipa::open_safetensors(file);
    CHECK_OK(weights.status());
    if (!weights.ok()) return false;
    const ipa::ImageProjectionConfig config = ipa_test::projection_of(*weights.value());
    const int64_t n = embeds.size(0), images = embeds.size(1);
    const int64_t states = embeds.shape.size() == 4 ? embeds.size(2) : 1;
    const Value input = run.input(ipa::tokens_shape(n * images, states, config.embed_size), embeds.values);
    const Value projected = ipa::build_image_projection(run.graph(), config, input).tokens;
    // The tokens of all pictures of an item stand in one row.
    tokens = images * run.graph().shape(projected).rows_per_item();
    const Value joined = run.graph().reshape(projected, ipa::tokens_shape(n, tokens, config.cross_size));
    keys = ipa::build_image_keys(run.graph(), layers, joined);
    std::vector<Value> outputs;
    for (Value key : keys)
      if (key.valid()) outputs.push_back(key);
    return run.run(weights, outputs);
  }
};

void check_case(const GoldenFolder& folder, const ipa::UNet& unet, const Json& entry, ErrorReport& report) {
  const UNetConfig& c = unet.config();
  const std::vector<ipa::CrossLayer>& layers = unet.cross_layers();
  const Tensor sample = channels_last(folder.input(entry, "sample"));
  const Tensor text = folder.input(entry, "encoder_hidden_states");
  const int64_t n = sample.size(0);
  NetworkRun run("the UNet");
  ipa::UNetInputs inputs;
  inputs.latents = run.input({n, sample.size(1), sample.size(2), sample.size(3)}, sample.values);
  inputs.sinusoid =
      run.input({1, 1, 1, c.sinusoid_size()}, sinusoid(c, entry.find("timestep")->number(), c.sinusoid_size()));
  inputs.text_kv = ipa::build_text_keys(
      run.graph(), layers, run.input(ipa::tokens_shape(n, text.size(1), text.size(2)), text.values));
  if (c.text_time)
    inputs.addition =
        run.input({n, 1, 1, c.addition_input_size},
                  addition_rows(c, folder.input(entry, "text_embeds"), folder.input(entry, "time_ids")));
  if (c.class_embedding != ipa::ClassEmbedding::none)
    inputs.class_input = class_input(run, c, folder.input(entry, "class_labels"));
  if (c.time_cond_size)
    inputs.time_cond = run.input({n, 1, 1, c.time_cond_size}, folder.input(entry, "timestep_cond").values);

  std::vector<std::unique_ptr<AdapterRun>> adapters;
  inputs.branches.resize(layers.size());
  if (const Json* list = entry.find("adapters"))
    for (const Json& description : list->array()) {
      auto adapter = std::make_unique<AdapterRun>();
      const Tensor embeds = folder.input(entry, "image_embeds." + std::to_string(adapters.size()));
      if (!adapter->make(folder.path(description.find("file")->string()), embeds, layers)) return;
      const Value scale = run.input({1, 1, 1, 1}, {static_cast<float>(description.find("scale")->number())});
      for (size_t i = 0; i < layers.size(); ++i) {
        if (!adapter->keys[i].valid()) continue;
        const int head_size = static_cast<int>(layers[i].hidden / layers[i].heads);
        const Value keys =
            run.keys({n, adapter->tokens, layers[i].heads, head_size}, adapter->run.memory(adapter->keys[i]));
        inputs.branches[i].push_back({keys, scale});
      }
      adapters.push_back(std::move(adapter));
    }
  const Value output = unet.build(run.graph(), inputs);
  if (!run.run(ipa::open_model_weights(folder.path("unet"), ipa::diffusers_stem), {output})) return;
  report.add(entry.find("name")->string(),
             relative_error(run.result(output), channels_last(folder.output(entry, "sample")).values));
}

void check_unet(const std::string& name) {
  const GoldenFolder folder(name);
  const std::string path = folder.path("unet");
  auto config = UNetConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::UNet unet(config.take());
  ErrorReport report(name + " UNet", 1e-4, ipa_test::lost_in_unet(name));
  for (const Json* entry : folder.cases("unet")) check_case(folder, unet, *entry, report);
}

}  // namespace

TEST(models_unet_sd15_matches_diffusers) { check_unet("sd15"); }
TEST(models_unet_sd2_matches_diffusers) { check_unet("sd2"); }
TEST(models_unet_sdxl_matches_diffusers) { check_unet("sdxl"); }
TEST(models_unet_refiner_matches_diffusers) { check_unet("unet-refiner"); }
TEST(models_unet_upscaler_matches_diffusers) { check_unet("unet-upscaler"); }
TEST(models_unet_inpaint_matches_diffusers) { check_unet("unet-inpaint"); }
TEST(models_unet_lcm_matches_diffusers) { check_unet("unet-lcm"); }
TEST(models_unet_distilled_matches_diffusers) { check_unet("unet-distilled"); }
TEST(models_unet_plain_mid_matches_diffusers) { check_unet("unet-plain-mid"); }
TEST(models_unet_class_embeddings_match_diffusers) {
  for (const char* name : {"unet-class-timestep", "unet-class-projection"}) check_unet(name);
}
