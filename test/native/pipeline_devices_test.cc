// Calls whose parts run on a device with memory of its own: they give the bits of the CPU, and none touches that memory.
#include <future>
#include <optional>

#include "fake_devices.h"
#include "golden_pipeline.h"
#include "guarded_backend.h"
#include "harness.h"
#include "pipeline/engine.h"
#include "test_device.h"

namespace {

using ipa::DeviceRequest;
using ipa::GenerateRequest;
using ipa::LoadRequest;
using ipa_test::GoldenFolder;

constexpr ipa::Part all_parts[] = {ipa::Part::unet, ipa::Part::vae, ipa::Part::text_encoder,
                                   ipa::Part::image_encoder};

std::string device_of(const ipa::Devices& devices, ipa::Part part) {
  return devices.of(part).capabilities().device;
}

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
  ON_CPU_ALONE("it has devices of its own");
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
  ON_CPU_ALONE("it has devices of its own");
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

// The memory of the device checks that nothing of it is held when it goes.
TEST_ONCE(pipeline_devices_outlive_all_that_an_engine_holds) {
  ON_CPU_ALONE("it has devices of its own");
  ipa_test::add_guarded_device();
  LoadRequest load;
  load.model = GoldenFolder("sd15").path("");
  load.adapters.emplace_back(GoldenFolder("sd15").path("adapters/base.safetensors"));
  load.devices = all_on("guarded");
  auto models = ipa_test::load_golden_models(load);
  if (!models) return;
  ipa::Engine engine(std::move(models));
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  request.branches = {branch_of(0)};
  std::promise<bool> done, closed;
  engine.generate(request, std::make_shared<ipa::CancelFlag>(false), nullptr,
                  [&](const ipa::Result<ipa::GenerateResult>& result) { done.set_value(result.ok()); });
  CHECK(done.get_future().get());
  engine.close([&] { closed.set_value(true); });
  CHECK(closed.get_future().get());
}

TEST_ONCE(pipeline_devices_that_are_not_there_are_told_by_their_option) {
  ON_CPU_ALONE("it has devices of its own");
  ipa_test::add_guarded_device();
  for (const auto& [request, option] : {std::pair<DeviceRequest, std::string>{all_on("cuda"), "device"},
                                        {all_on("guarded:1"), "device"},
                                        {all_on("guarded:x"), "device"},
                                        {only(ipa::Part::vae, "tpu:3"), "devices.vae"}}) {
    const auto opened = ipa::Devices::open(request, 1);
    CHECK(opened.status().code() == ipa::Code::invalid_option);
    CHECK_EQ(opened.status().option(), option);
  }
}

TEST_ONCE(pipeline_devices_auto_is_the_cpu_where_nothing_else_is_known) {
  ON_CPU_ALONE("it has devices of its own");
  const auto automatic = ipa::Devices::open(all_on("auto"), 3);
  CHECK_OK(automatic.status());
  CHECK_EQ(device_of(automatic.value(), ipa::Part::vae), std::string("cpu"));
  CHECK_EQ(automatic.value().of(ipa::Part::vae).capabilities().threads, 3);
  CHECK_EQ(automatic.value().note(), std::string());
}

TEST_ONCE(pipeline_devices_auto_is_the_first_gpu) {
  const ipa_test::FakeCuda cuda(2);
  const auto automatic = ipa::Devices::open(DeviceRequest(), 1);
  CHECK_OK(automatic.status());
  for (const ipa::Part part : all_parts) CHECK_EQ(device_of(automatic.value(), part), std::string("cuda:0"));
  CHECK_EQ(automatic.value().note(), std::string());
}

TEST_ONCE(pipeline_devices_of_one_name_are_opened_once) {
  const ipa_test::FakeCuda cuda(2);
  DeviceRequest request = all_on("cuda:1");
  request.parts = {"auto", "cuda", "cuda:0", ""};
  const auto opened = ipa::Devices::open(request, 1);
  CHECK_OK(opened.status());
  CHECK_EQ(cuda.attempts(), 2);
  CHECK(&opened.value().of(ipa::Part::unet) == &opened.value().of(ipa::Part::text_encoder));
  CHECK_EQ(device_of(opened.value(), ipa::Part::image_encoder), std::string("cuda:1"));
}

TEST_ONCE(pipeline_devices_auto_takes_the_cpu_and_says_why) {
  for (const ipa::Code code : {ipa::Code::device, ipa::Code::no_memory, ipa::Code::invalid_option}) {
    const ipa_test::FakeCuda cuda(ipa::Status(code, "the driver is too old"));
    const auto automatic = ipa::Devices::open(DeviceRequest(), 1);
    CHECK_OK(automatic.status());
    CHECK_EQ(cuda.attempts(), 1);
    for (const ipa::Part part : all_parts) CHECK_EQ(device_of(automatic.value(), part), std::string("cpu"));
    CHECK_EQ(automatic.value().note(), std::string("the driver is too old"));
  }
}

TEST_ONCE(pipeline_devices_that_were_named_never_fall_back) {
  for (const ipa::Code code : {ipa::Code::device, ipa::Code::no_memory}) {
    const ipa_test::FakeCuda cuda(ipa::Status(code, "no"));
    for (const DeviceRequest& request : {all_on("cuda"), all_on("cuda:0"), only(ipa::Part::vae, "cuda")})
      CHECK(ipa::Devices::open(request, 1).status().code() == code);
  }
  const ipa_test::FakeCuda cuda(1);
  const auto absent = ipa::Devices::open(only(ipa::Part::text_encoder, "cuda:1"), 1);
  CHECK(absent.status().code() == ipa::Code::invalid_option);
  CHECK_EQ(absent.status().option(), std::string("devices.textEncoder"));
}
