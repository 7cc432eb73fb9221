// Image projections of every variant against diffusers.
#include "golden_case.h"
#include "harness.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

using ipa::Json;
using ipa::Value;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::Tensor;

void check_projections(const std::string& name) {
  const GoldenFolder folder(name);
  ErrorReport report(name + " image projection", 1e-4);
  for (const Json* entry : folder.cases("image_projection")) {
    const std::string file = entry->find("adapters")->array().front().find("file")->string();
    const auto weights = ipa::open_safetensors(folder.path(file));
    CHECK_OK(weights.status());
    if (!weights.ok()) return;
    const ipa::ImageProjectionConfig config = ipa_test::projection_of(*weights.value());
    const Tensor embeds = folder.input(*entry, "image_embeds"), expected = folder.output(*entry, "tokens");
    const int64_t n = embeds.size(0);
    const int64_t states = embeds.shape.size() == 3 ? embeds.size(1) : 1;
    CHECK_EQ(embeds.shape.back(), config.embed_size);

    NetworkRun run("the projection");
    const Value input = run.input(ipa::tokens_shape(n, states, config.embed_size), embeds.values);
    const Value tokens = ipa::build_image_projection(run.graph(), config, input).tokens;
    const ipa::Shape shape = run.graph().shape(tokens);
    CHECK((std::vector<int64_t>{shape.n, shape.w, shape.c}) == expected.shape);
    if (!run.run(weights, {tokens})) return;
    report.add(entry->find("name")->string(), relative_error(run.result(tokens), expected.values));
  }
}

}  // namespace

TEST(models_image_projection_matches_diffusers) {
  for (const char* name : {"sd15", "sdxl", "sd2", "projection-wide"}) check_projections(name);
}
