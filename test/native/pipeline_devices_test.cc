// Calls whose parts run on a device with memory of its own: they give the bits of the CPU, and none touches that memory.
#include <optional>

#include "golden_pipeline.h"
#include "guarded_backend.h"
#include "harness.h"

namespace {

using ipa::DeviceRequest;
using ipa::GenerateRequest;
using ipa::LoadRequest;
using ipa_test::GoldenFolder;

DeviceRequest all_on(const std::string& device) {
  DeviceRequest request;
  request.device = device;
  return request;
}

DeviceRequest only(ipa::Part part, const std::string& device) {
  DeviceRequest request;
  request.parts[static_cast<size_t>(part)] = device;
  return request;
}

GenerateRequest request_of(const std::string& model, const std::string& name) {
  GenerateRequest request = ipa_test::plain_request(model, name);
  request.steps = 2;
  request.decode = true;
  request.seeds = {3, 4};
  return request;
}

ipa::ImageBranch branch_of(int adapter) {
  ipa::ImageBranch branch;
  branch.adapter = adapter;
  branch.images = {ipa_test::golden_picture("images/wide-150x100.png")};
  return branch;
}

// On several devices the same bits as on the CPU.
void check_devices(LoadRequest load, const GenerateRequest& request,
                   const std::vector<DeviceRequest>& devices) {
  ipa_test::add_guarded_device();
  std::optional<ipa::GenerateResult> expected;
  for (const DeviceRequest& device : devices) {
    load.devices = device;
    const auto models = ipa_test::load_golden_models(load);
    if (!models) return;
    auto result = ipa_test::generate(*models, request, nullptr, nullptr);
    CHECK_OK(result.status());
    if (!result.ok()) return;
    CHECK_EQ(result.value().images.size(), request.seeds.size());
    if (!expected) expected = result.take();
    CHECK(result.value().latents.empty() || result.value().latents == expected->latents);
    CHECK(result.value().images.empty() || result.value().images == expected->images);
  }
}

const std::vector<DeviceRequest> each_part = {
    all_on("cpu"),
    all_on("guarded"),
    only(ipa::Part::unet, "guarded:0"),
    only(ipa::Part::vae, "guarded"),
    only(ipa::Part::text_encoder, "guarded"),
    only(ipa::Part::image_encoder, "guarded"),
};

}  // namespace

TEST_ONCE(pipeline_devices_of_each_part_give_the_same_bits) {
  for (const auto& [model, name] :
       {std::pair<std::string, std::string>{"sd15", "ddim-4steps"}, {"sdxl", "euler-negative"}}) {
    LoadRequest load;
    load.model = GoldenFolder(model).path("");
    for (const char* file : {"adapters/base.safetensors", "adapters/plus.safetensors"})
      load.adapters.emplace_back(GoldenFolder(model).path(file));
    GenerateRequest request = request_of(model, name);
    request.branches = {branch_of(0), branch_of(1)};
    check_devices(std::move(load), request, each_part);
  }
}

TEST_ONCE(pipeline_devices_hold_controls_and_start_pictures) {
  const GoldenFolder controls("controls");
  LoadRequest load;
  load.model = GoldenFolder("sd15").path("");
  load.unet = controls.path("unet-sd15");
  for (const char* file : {"canny", "depth", "t2i-full"}) load.controls.push_back({controls.path(file)});
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  request.width = request.height = 128;
  request.controls = {ipa_test::control_use(0), ipa_test::control_use(1), ipa_test::control_use(2)};
  check_devices(load, request, {all_on("cpu"), all_on("guarded")});
  request.controls.clear();
  request.image = ipa_test::picture_of("images/wide-150x100.png");
  request.mask = ipa_test::picture_of("images/square-64.png");
  request.strength = 0.9;
  check_devices(std::move(load), request, {all_on("cpu"), only(ipa::Part::vae, "guarded"), all_on("guarded")});
}

TEST_ONCE(pipeline_devices_that_are_not_there_are_told_by_their_option) {
  ipa_test::add_guarded_device();
  for (const auto& [request, option] : {std::pair<DeviceRequest, std::string>{all_on("cuda"), "device"},
                                        {all_on("guarded:1"), "device"},
                                        {all_on("guarded:x"), "device"},
                                        {only(ipa::Part::vae, "tpu:3"), "devices.vae"}}) {
    const auto opened = ipa::Devices::open(request, 1);
    CHECK(opened.status().code() == ipa::Code::invalid_option);
    CHECK_EQ(opened.status().option(), option);
  }
  const auto automatic = ipa::Devices::open(all_on("auto"), 3);
  CHECK_OK(automatic.status());
  CHECK_EQ(automatic.value().of(ipa::Part::vae).capabilities().device, std::string("cpu"));
  CHECK_EQ(automatic.value().of(ipa::Part::vae).capabilities().threads, 3);
}
