// What a call takes of a GPU's memory, beside what was said before.
#include "cuda/backend/cuda_device_kind.h"
#include "emulated_api.h"
#include "golden_pipeline.h"
#include "harness.h"
#include "kept_device_kind.h"
#include "pipeline/generate.h"
#include "test_device.h"

namespace {

using ipa::MemoryEstimate;

// Blocks are in whole units of 256 bytes, of which a pipeline has some thousands.
constexpr double rounding = 1.02;

struct Taken {
  double weights = 0, peak = 0;
};

// Loads, and makes a picture.
Taken run(ipa::LoadRequest load, const ipa::GenerateRequest& request, MemoryEstimate& said) {
  cuda_emulator::reset_emulated_gpu();
  Taken taken;
  load.devices.device = "cuda";
  load.compute = ipa::Compute::f16;
  const auto models = ipa_test::load_golden_models(std::move(load));
  if (!models) return taken;
  taken.weights = static_cast<double>(cuda_emulator::emulated_counters().taken_bytes);
  const auto estimate = ipa::estimate_memory(*models, request);
  CHECK_OK(estimate.status());
  if (estimate.ok()) said = estimate.value();
  CHECK_OK(ipa_test::generate(*models, request, nullptr, nullptr).status());
  taken.peak = static_cast<double>(cuda_emulator::emulated_counters().most_taken_bytes);
  return taken;
}

void check_estimate(const std::string& what, const ipa::LoadRequest& load,
                    const ipa::GenerateRequest& request) {
  MemoryEstimate said;
  const Taken taken = run(load, request, said);
  CHECK_EQ(said.devices.size(), size_t{1});
  if (said.devices.size() != 1) return;
  CHECK_EQ(said.devices[0].device, std::string("cuda:0"));
  const auto weights = static_cast<double>(said.devices[0].weights),
             total = static_cast<double>(said.devices[0].total());
  std::printf("  %s: %.0f KB of weights, said %.0f; at most %.0f KB, said %.0f\n", what.c_str(),
              taken.weights / 1024, weights / 1024, taken.peak / 1024, total / 1024);
  CHECK(weights <= taken.weights && taken.weights <= weights * rounding);
  CHECK(taken.peak <= total * rounding);
  CHECK(total <= taken.peak * 1.1);
}

TEST_ONCE(cuda_memory_is_as_estimated) {
  const ipa_test::KeptDeviceKind kept("cuda");
  ipa::gpu::register_cuda(*cuda_emulator::emulated_api());
  ipa::LoadRequest load;
  load.model = ipa_test::golden_folder() + "/models/sd15";
  ipa::GenerateRequest request = ipa_test::plain_request("sd15", "base-square");
  check_estimate("text to image", load, request);
  load.offload = true;
  check_estimate("offloaded", load, request);
  load.offload = false;
  request.seeds = {1, 2, 3};
  check_estimate("three pictures", load, request);
}

// Weights that rest come back for every call, and LoRAs change them where they rest.
TEST_ONCE(cuda_memory_of_parts_that_rest) {
  const ipa_test::KeptDeviceKind kept("cuda");
  ipa::gpu::register_cuda(*cuda_emulator::emulated_api());
  ipa::LoadRequest load;
  load.model = ipa_test::golden_folder() + "/models/sd15";
  load.devices.device = "cuda";
  load.compute = ipa::Compute::f16;
  ipa::GenerateRequest request = ipa_test::plain_request("sd15", "base-square");
  std::vector<float> all_there;
  for (const bool offload : {false, true}) {
    cuda_emulator::reset_emulated_gpu();
    load.offload = offload;
    const auto models = ipa_test::load_golden_models(load);
    if (!models) return;
    const uint64_t resting = cuda_emulator::emulated_counters().taken_bytes;
    const auto unet = models->unet->params.bytes();
    CHECK_EQ(resting < unet + unet / 50, offload);
    for (int i = 0; i < 2; ++i) {
      const auto made = ipa_test::generate(*models, request, nullptr, nullptr);
      CHECK_OK(made.status());
      if (!made.ok()) return;
      if (all_there.empty()) all_there = made.value().latents.front();
      CHECK(made.value().latents.front() == all_there);
      // All is away again, but what is kept of a call for the next.
      CHECK_EQ(models->memory_bytes_on(models->backend(ipa::Part::unet).memory()) < unet + unet / 50, offload);
    }
  }
}

}  // namespace
