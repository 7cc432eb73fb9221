// Inpainting and instruct models against the pipelines of diffusers, and what they ask of a request.
#include <algorithm>

#include "golden_pipeline.h"
#include "harness.h"

namespace {

using ipa::Json;
using ipa_test::GoldenFolder;

// As in pipeline_golden_test.cc.
constexpr double allowed_latents = 1e-3;

std::string models_folder() { return ipa_test::golden_folder() + "/models/"; }

ipa::LoadRequest load_request(const GoldenFolder& folder, const std::string& base, const std::string& unet) {
  ipa::LoadRequest request;
  request.model = models_folder() + base;
  request.unet = folder.path(unet);
  return request;
}

std::unique_ptr<ipa::ModelSet> load(const GoldenFolder& folder, const std::string& base,
                                    const std::string& unet) {
  return ipa_test::load_golden_models(load_request(folder, base, unet));
}

void check_latents(const std::string& unet, int least_cases) {
  const GoldenFolder folder("source-pictures");
  ipa_test::ErrorReport report(unet + " latents", allowed_latents);
  std::unique_ptr<ipa::ModelSet> models;
  std::vector<std::string> loaded;
  int ran = 0;
  for (const Json* entry : folder.cases("pipeline")) {
    if (entry->find("unet")->string() != unet) continue;
    const std::vector<std::string> files = ipa_test::adapter_files(*entry);
    if (!models || files != loaded) {
      ipa::LoadRequest request = load_request(folder, entry->find("model")->string(), unet);
      for (const std::string& file : files) request.adapters.push_back(folder.path(file));
      models = ipa_test::load_golden_models(std::move(request));
      loaded = files;
    }
    if (!models) return;
    const auto result = ipa::generate(*models, golden_request(folder, *entry), nullptr, nullptr);
    CHECK_OK(result.status());
    if (!result.ok()) continue;
    report.add(
        entry->find("name")->string(),
        ipa_test::relative_error(result.value().latents.front(), folder.output(*entry, "latents").values));
    ++ran;
  }
  CHECK(ran >= least_cases);
}

}  // namespace

TEST(pipeline_inpainting_sd15_matches_diffusers) { check_latents("sd15-inpaint", 7); }
TEST(pipeline_inpainting_sdxl_matches_diffusers) { check_latents("sdxl-inpaint", 6); }
TEST(pipeline_instruct_sd15_matches_diffusers) { check_latents("sd15-instruct", 7); }
TEST(pipeline_instruct_sdxl_matches_diffusers) { check_latents("sdxl-instruct", 4); }
