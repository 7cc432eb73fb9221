// What a call with structure controls takes is known before it runs.
#include "golden_pipeline.h"
#include "harness.h"

namespace {

using ipa::GenerateRequest;

// The controls of test/golden/models/controls, with the UNet there that fits them.
std::unique_ptr<ipa::ModelSet> load_with_controls(const std::string& model, const std::string& unet,
                                                  const std::vector<std::string>& controls) {
  const ipa_test::GoldenFolder folder("controls"), whole(model);
  ipa::LoadRequest request;
  request.model = whole.path("");
  request.unet = folder.path(unet);
  for (const std::string& file : controls) request.controls.push_back({folder.path(file)});
  return ipa_test::load_golden_models(std::move(request));
}

GenerateRequest request_of(const std::string& model, const std::string& name) {
  GenerateRequest request = ipa_test::plain_request(model, name);
  request.decode = false;
  request.steps = 6;
  request.width = request.height = 128;
  return request;
}

// With and without guidance, and all four kinds of steps.
void check_bytes(const ipa::ModelSet& models, GenerateRequest request) {
  for (float guidance : {1.0f, 5.0f}) {
    request.guidance = guidance;
    ipa_test::check_begin_bytes(models, request);
  }
  request.guidance_end = 0.5;
  request.cache_every = 2;
  request.cache_depth = 1;
  ipa_test::check_begin_bytes(models, request);
}

}  // namespace

TEST_ONCE(pipeline_controls_take_what_was_planned) {
  const auto models = load_with_controls("sd15", "unet-sd15", {"canny", "depth", "t2i-full"});
  if (!models) return;
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  for (const std::vector<int>& controls : {std::vector<int>{0}, {0, 1}, {2}, {2, 0, 0}}) {
    request.controls.clear();
    for (int control : controls) request.controls.push_back(ipa_test::control_use(control));
    check_bytes(*models, request);
    request.controls.front().guess = controls.front() == 0;
    request.controls.front().end = 0.4;
    check_bytes(*models, request);
  }
}

// Beside it there are no skip connections to add to.
TEST_ONCE(pipeline_controls_run_a_t2i_adapter_alone) {
  const auto models = load_with_controls("sd15", "unet-sd15", {"t2i-full"});
  if (!models) return;
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  request.steps = 2;
  const auto without = ipa_test::generate(*models, request, nullptr, nullptr);
  request.controls = {ipa_test::control_use(0)};
  const auto with = ipa_test::generate(*models, request, nullptr, nullptr);
  CHECK_OK(without.status());
  CHECK_OK(with.status());
  if (with.ok() && without.ok()) CHECK(with.value().latents != without.value().latents);
}

TEST_ONCE(pipeline_unions_take_what_was_planned) {
  const auto models = load_with_controls("sdxl", "unet-sdxl", {"union", "xl"});
  if (!models) return;
  GenerateRequest request = request_of("sdxl", "euler-negative");
  request.controls = {ipa_test::control_use(0, "depth"), ipa_test::control_use(0, "canny")};
  check_bytes(*models, request);
  request.controls.push_back(ipa_test::control_use(1));
  check_bytes(*models, request);
}

TEST_ONCE(pipeline_fooocus_inpainting_takes_what_was_planned) {
  const ipa_test::GoldenFolder whole("sdxl");
  const std::string files = whole.path("../../inpaint/");
  ipa::LoadRequest load;
  load.model = whole.path("");
  load.inpaint = {files + "head.pth", files + "patch.fooocus.patch", 1};
  const auto models = ipa_test::load_golden_models(std::move(load));
  if (!models) return;
  GenerateRequest request = request_of("sdxl", "euler-negative");
  request.image = ipa_test::control_use(0).image;
  request.mask = request.image;
  for (ipa::MaskFill fill : {ipa::MaskFill::original, ipa::MaskFill::neutral, ipa::MaskFill::blur}) {
    request.mask_fill = fill;
    check_bytes(*models, request);
  }
}
