// AutoencoderKL against diffusers, both ways.
#include <algorithm>

#include "golden_case.h"
#include "harness.h"
#include "models/vae.h"
#include "weights/formats/sharded.h"
#include "weights/names/dialects.h"

namespace {

using ipa::Json;
using ipa::Value;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::Tensor;

ipa::Result<std::unique_ptr<ipa::TensorSource>> vae_weights(const std::string& folder) {
  IPA_ASSIGN(auto source, ipa::open_model_weights(folder, ipa::diffusers_stem));
  return ipa::with_vae_names(std::move(source));
}

// `count` channels from `first` on of a (.., c) tensor.
std::vector<float> channels(const std::vector<float>& values, int64_t c, int64_t first, int64_t count) {
  std::vector<float> result;
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(c))
    for (int64_t k = first; k < first + count; ++k) result.push_back(values[row + static_cast<size_t>(k)]);
  return result;
}

void check_vae(const std::string& name, bool encoding, ErrorReport& report) {
  const GoldenFolder folder(name);
  const std::string path = folder.path("vae");
  const auto config = ipa::VaeConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
  CHECK_OK(config.status());
  if (!config.ok()) return;
  const ipa::Vae vae(config.value());
  const int64_t latent_channels = vae.config().latent_channels;
  int ran = 0;
  for (const Json* entry : folder.cases("vae")) {
    if (GoldenFolder::has(*entry, "inputs", "sample") != encoding) continue;
    ++ran;
    const std::string title = name + " " + entry->find("name")->string();
    const Tensor in = channels_last(folder.input(*entry, encoding ? "sample" : "latents"));
    NetworkRun run("the VAE");
    const Value input = run.input({in.size(0), in.size(1), in.size(2), in.size(3)}, in.values);
    const Value output = encoding ? vae.encode(run.graph(), input) : vae.decode(run.graph(), input);
    if (!run.run(vae_weights(path), {output})) return;
    const std::vector<float> result = run.result(output);
    if (!encoding) {
      report.add(title, relative_error(result, channels_last(folder.output(*entry, "sample")).values));
      continue;
    }
    const std::vector<float> mean = channels(result, 2 * latent_channels, 0, latent_channels);
    std::vector<float> variance = channels(result, 2 * latent_channels, latent_channels, latent_channels);
    for (float& value : variance) value = std::clamp(value, -30.0f, 20.0f);
    report.add(title + " mean", relative_error(mean, channels_last(folder.output(*entry, "mean")).values));
    report.add(title + " logvar",
               relative_error(variance, channels_last(folder.output(*entry, "logvar")).values));
  }
  CHECK_EQ(ran, 3);
}

}  // namespace

TEST(models_vae_decoder_matches_diffusers) {
  ErrorReport report("decoder", 1e-4);
  for (const char* name : {"sd15", "sdxl", "sd2"}) check_vae(name, false, report);
}

TEST(models_vae_encoder_matches_diffusers) {
  ErrorReport report("encoder", 1e-4);
  for (const char* name : {"sd15", "sdxl", "sd2"}) check_vae(name, true, report);
}
