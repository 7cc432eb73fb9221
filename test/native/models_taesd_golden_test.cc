// AutoencoderTiny against diffusers, both ways.
#include "golden_case.h"
#include "harness.h"
#include "models/vae.h"
#include "weights/formats/sharded.h"

namespace {

using ipa::Json;
using ipa::VaeConfig;
using ipa::Value;
using ipa_test::Tensor;

// The status of reading a config of these fields.
ipa::Status parse(const std::string& fields) {
  const auto json = Json::parse("{\"_class_name\": \"AutoencoderTiny\"" + fields + "}");
  CHECK_OK(json.status());
  return json.ok() ? VaeConfig::parse(json.value(), "config.json").status() : json.status();
}

}  // namespace

TEST(models_taesd_decoder_matches_diffusers) {
  const ipa_test::GoldenFolder folder("taesd");
  const std::string path = folder.path("vae");
  const auto config = VaeConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::Vae vae(config.value());
  CHECK(vae.config().tiny.has_value());
  CHECK_EQ(vae.config().scale(), 8);
  CHECK_EQ(vae.config().scaling_factor, 1.0);
  ipa_test::ErrorReport report("TAESD", 1e-4);
  for (const Json* entry : folder.cases("vae")) {
    const Tensor in = channels_last(folder.input(*entry, "latents"));
    ipa_test::NetworkRun run("the VAE");
    const Value input = run.input({in.size(0), in.size(1), in.size(2), in.size(3)}, in.values);
    const Value output = vae.decode(run.graph(), input);
    if (!run.run(ipa::open_model_weights(path, ipa::diffusers_stem), {output})) return;
    report.add(
        entry->find("name")->string(),
        ipa_test::relative_error(run.result(output), channels_last(folder.output(*entry, "sample")).values));
  }
}

TEST(models_taesd_encoder_matches_diffusers) {
  const ipa_test::GoldenFolder folder("source-pictures");
  const std::string path = folder.path("taesd");
  const auto config = VaeConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::Vae vae(config.value());
  ipa_test::ErrorReport report("TAESD encoder", 1e-4);
  for (const Json* entry : folder.cases("vae")) {
    Tensor in = channels_last(folder.input(*entry, "sample"));
    for (float& value : in.values) value = (value + 1) / 2;  // from [-1, 1] to what black() says
    ipa_test::NetworkRun run("the VAE");
    const Value input = run.input({in.size(0), in.size(1), in.size(2), in.size(3)}, in.values);
    const Value output = vae.encode(run.graph(), input);
    if (!run.run(ipa::open_model_weights(path, ipa::diffusers_stem), {output})) return;
    report.add(
        entry->find("name")->string(),
        ipa_test::relative_error(run.result(output), channels_last(folder.output(*entry, "latents")).values));
  }
}

TEST(models_taesd_configs_that_are_another_network_are_refused) {
  CHECK_OK(parse(""));
  CHECK_OK(parse(", \"act_fn\": \"gelu\", \"latent_channels\": 16"));
  CHECK(parse(", \"act_fn\": \"mish\"").code() == ipa::Code::invalid_option);
  CHECK(parse(", \"upsampling_scaling_factor\": 4").code() == ipa::Code::unsupported);
  CHECK(parse(", \"upsample_fn\": \"bilinear\"").code() == ipa::Code::unsupported);
  CHECK(parse(", \"num_decoder_blocks\": [3, 3]").code() == ipa::Code::invalid_option);
  CHECK(parse(", \"decoder_block_out_channels\": [64, 64, 64, 32]").code() == ipa::Code::unsupported);
  CHECK(parse(", \"encoder_block_out_channels\": [64, 64, 64, 32]").code() == ipa::Code::unsupported);
  CHECK(parse(", \"num_encoder_blocks\": [3, 3]").code() == ipa::Code::invalid_option);
  CHECK(parse(", \"decoder_block_out_channels\": [64, 64, 64, 1000000000]").code() != ipa::Code::ok);
}
