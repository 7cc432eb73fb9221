// Which GPU a model is on: none that can be used, one of several, one for each part, and one that pipelines share.
#include <thread>

#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

void check_says(const std::string& text, const std::vector<const char*>& parts) {
  for (const char* part : parts)
    if (!contains(text, part))
      ipa_test::fail(__FILE__, __LINE__, "\"" + text + "\" does not say \"" + part + "\"");
}

// Of a machine whose GPU cannot be used, for that reason.
void check_unusable(const FakeGpu& settings, const std::vector<const char*>& reasons) {
  const Gpus gpus(settings);
  const Models automatic = loaded(small_model("auto")), on_cpu = loaded(small_model("cpu"));
  if (!automatic || !on_cpu) return;
  CHECK_EQ(automatic->backend(ipa::Part::unet).capabilities().device, "cpu");
  check_says(automatic->devices().note(), reasons);
  GenerateRequest call = small_call();
  call.steps = 1;
  CHECK(same(made(*automatic, call), made(*on_cpu, call)));
  const Status status = load(small_model("cuda")).status();
  CHECK_EQ(status.code(), Code::device);
  check_says(status.message(), reasons);
}

FakeGpu several(int32_t devices, uint32_t seed = 1) {
  FakeGpu settings = fake_of(Pace::random, seed);
  settings.devices = devices;
  return settings;
}

LoadRequest placed(const std::string& unet, const std::string& vae, const std::string& text) {
  LoadRequest request = small_model("cpu");
  request.devices.parts[static_cast<size_t>(ipa::Part::unet)] = unet;
  request.devices.parts[static_cast<size_t>(ipa::Part::vae)] = vae;
  request.devices.parts[static_cast<size_t>(ipa::Part::text_encoder)] = text;
  request.devices.parts[static_cast<size_t>(ipa::Part::image_encoder)] = vae;
  return request;
}

GenerateRequest call_of(uint64_t seed) {
  GenerateRequest call = small_call();
  call.seeds = {seed};
  call.branches = {branch_of(static_cast<int>(seed % 2))};
  return call;
}

}  // namespace

TEST_ONCE(cuda_faults_gpus_that_cannot_be_used) {
  FakeGpu settings;
  settings.versions = {0, 13000};
  check_unusable(settings, {"no NVIDIA driver", "r580"});
  settings.versions = {12040, 13000};
  check_unusable(settings, {"too old", "12.4", "13.0", "r580"});
  settings = {};
  settings.devices = 0;
  check_unusable(settings, {"no such GPU", "nvidia-smi"});
  settings = {};
  settings.old_architecture = true;
  check_unusable(settings, {"no code for this GPU", "7.5"});
}

TEST_ONCE(cuda_faults_gpus_of_too_high_an_index) {
  for (const int32_t devices : {1, 3}) {
    const Gpus gpus(several(devices));
    const Status status = load(small_model("cuda:" + std::to_string(devices))).status();
    CHECK_EQ(status.code(), Code::invalid_option);
    CHECK_EQ(status.option(), "device");
    check_says(status.message(), {"cuda:0", devices == 1 ? "there is one GPU" : "there are 3 GPUs"});
    const Status of_part = load(placed("cpu", "cuda:9", "cpu")).status();
    CHECK_EQ(of_part.option(), "devices.vae");
  }
}

TEST_ONCE(cuda_faults_gpus_for_each_part) {
  GenerateResult expected, on_one;
  const GenerateRequest call = call_of(3);
  {
    const Gpus gpus(Gpus::Emulated{});
    const Models models = loaded(placed("cuda:0", "cuda:0", "cpu"));
    if (models) expected = made(*models, call);
  }
  for (const auto& [unet, vae] : {std::pair<int, int>{0, 1}, {1, 0}, {1, 1}}) {
    const Gpus gpus(several(2));
    const Models models = loaded(placed("cuda:" + std::to_string(unet), "cuda:" + std::to_string(vae), "cpu"));
    if (!models) return;
    CHECK(same(made(*models, call), expected));
    CHECK_EQ(cuda_emulator::emulated_launches(0) > 0, unet == 0 || vae == 0);
    CHECK(cuda_emulator::emulated_launches(1) > 0);
  }
}

TEST_ONCE(cuda_faults_gpus_that_pipelines_share) {
  GenerateResult expected[2];
  {
    const Gpus gpus(Gpus::Emulated{});
    const Models models = loaded(small_model());
    if (!models) return;
    for (uint64_t seed : {0, 1}) expected[seed] = made(*models, call_of(seed));
  }
  // Two on one GPU, and one on another, at the same time.
  const char* const devices[] = {"cuda:0", "cuda:0", "cuda:1"};
  for (const uint32_t order : {1u, 2u}) {
    const Gpus gpus(several(2, order));
    std::vector<GenerateResult> results(3);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        Result<Models> models = load(small_model(devices[i]));
        if (!models.ok()) return;
        auto result = ipa_test::generate(*models.value(), call_of(i % 2), nullptr, nullptr);
        if (result.ok()) results[i] = result.take();
      });
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < 3; ++i) CHECK(same(results[i], expected[i % 2]));
  }
}

TEST_ONCE(cuda_faults_gpu_that_pipelines_leave_one_by_one) {
  const Gpus gpus(several(1));
  const GenerateRequest call = call_of(1);
  Models first = loaded(small_model()), second = loaded(small_model());
  if (!first || !second) return;
  const GenerateResult expected = made(*first, call);
  first = nullptr;
  CHECK(same(made(*second, call), expected));
  const Models third = loaded(small_model());
  second = nullptr;
  if (third) CHECK(same(made(*third, call), expected));
}
