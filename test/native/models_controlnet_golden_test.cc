// ControlNetModel against diffusers, and what a cached step runs of it against the whole.
#include "golden_case.h"
#include "golden_unet.h"
#include "harness.h"
#include "models/controlnet.h"
#include "models/unet.h"
#include "weights/formats/sharded.h"

namespace {

using ipa::ControlNet;
using ipa::ControlNetConfig;
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

// What the net adds to its `count` outermost skip connections, and to the middle where those are all.
std::vector<std::vector<float>> run_net(const GoldenFolder& folder, const ControlNet& net, const Json& entry,
                                        size_t count) {
  const UNetConfig& c = net.config().trunk;
  NetworkRun run("the ControlNet");
  const auto input = [&](const char* name) { return folder.input(entry, name); };
  const Tensor sample = channels_last(input("sample")), picture = channels_last(input("controlnet_cond"));
  const Tensor text = input("encoder_hidden_states");
  const int64_t n = sample.size(0);
  ipa::UNetInputs inputs;
  inputs.latents = run.input({n, sample.size(1), sample.size(2), sample.size(3)}, sample.values);
  inputs.sinusoid =
      run.input({1, 1, 1, c.sinusoid_size()}, sinusoid(c, entry.find("timestep")->number(), c.sinusoid_size()));
  inputs.text_kv =
      ipa::build_text_keys(run.graph(), net.cross_layers(),
                           run.input(ipa::tokens_shape(n, text.size(1), text.size(2)), text.values));
  if (c.text_time)
    inputs.addition =
        run.input({n, 1, 1, c.addition_input_size}, addition_rows(c, input("text_embeds"), input("time_ids")));
  const Value read = net.read_picture(
      run.graph(), run.input({1, picture.size(1), picture.size(2), picture.size(3)}, picture.values));
  const std::vector<Value> made = net.build(run.graph(), inputs, read, count);
  std::vector<std::vector<float>> results;
  const std::string name = entry.find("name")->string();
  if (!run.run(ipa::open_model_weights(folder.path(name), ipa::diffusers_stem), made)) return results;
  for (const Value value : made) results.push_back(run.result(value));
  return results;
}

void check_net(const std::string& name) {
  const GoldenFolder folder("controls");
  const std::string path = folder.path(name);
  auto config = ControlNetConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ControlNet net(config.take());
  const size_t skips = net.config().trunk.skip_connections();
  ErrorReport report(name + " ControlNet", 1e-4);
  for (const Json* entry : folder.cases("controlnet")) {
    if (entry->find("name")->string() != name) continue;
    const auto whole = run_net(folder, net, *entry, skips);
    CHECK_EQ(whole.size(), skips + 1);
    for (size_t i = 0; i < whole.size(); ++i) {
      const std::string output = i < skips ? "down." + std::to_string(i) : "mid";
      report.add(output, relative_error(whole[i], channels_last(folder.output(*entry, output)).values));
    }
    const auto outer = run_net(folder, net, *entry, 2);
    CHECK_EQ(outer.size(), size_t{2});
    for (size_t i = 0; i < outer.size(); ++i) CHECK(outer[i] == whole[i]);
  }
}

}  // namespace

TEST(models_controlnet_sd15_matches_diffusers) { check_net("canny"); }
TEST(models_controlnet_sd2_matches_diffusers) { check_net("sd2"); }
TEST(models_controlnet_sdxl_matches_diffusers) { check_net("xl"); }
