#include "cuda_faults_rig.h"

#include <algorithm>

#include "cuda/backend/cuda_device_kind.h"
#include "graph/device_kinds.h"

namespace cuda_faults {
namespace {

void reset_emulated(int32_t devices, uint64_t memory_bytes) {
  cuda_emulator::EmulatedGpu settings;
  settings.devices = devices;
  settings.memory_bytes = memory_bytes;
  cuda_emulator::reset_emulated_gpu(settings);
  cuda_emulator::forget_findings();
}

LoadRequest model_of(const std::string& name, const std::vector<std::string>& adapters,
                     const std::string& device) {
  const ipa_test::GoldenFolder folder(name);
  LoadRequest request;
  request.model = folder.path("");
  for (const std::string& file : adapters) request.adapters.emplace_back(folder.path("adapters/" + file));
  request.devices.device = device;
  request.threads = 2;
  return request;
}

}  // namespace

Gpus::Gpus(const FakeGpu& settings, uint64_t memory_bytes) {
  reset_emulated(std::max(1, settings.devices), memory_bytes);
  cuda_emulator::reset_fake_gpu(settings);
  add(*cuda_emulator::fake_api());
}

Gpus::Gpus(Emulated) {
  reset_emulated(1, uint64_t{1} << 30);
  cuda_emulator::reset_fake_gpu();
  add(*cuda_emulator::emulated_api());
}

void Gpus::add(const GpuApi& api) { ipa::gpu::register_cuda(api); }

Gpus::~Gpus() {
  for (const std::string& finding : cuda_emulator::fake_findings())
    ipa_test::fail(__FILE__, __LINE__, "the fake GPU found " + finding);
  for (const auto& finding : cuda_emulator::findings())
    ipa_test::fail(__FILE__, __LINE__, finding.kernel + ": " + finding.text);
  const cuda_emulator::GpuCounters left = cuda_emulator::emulated_counters();
  CHECK_EQ(left.allocations, 0);
  CHECK_EQ(left.pinned_allocations, 0);
  CHECK_EQ(left.events, 0);
  CHECK_EQ(left.graphs, 0);
  CHECK_EQ(left.queues, 0);
}

FakeGpu fake_of(Pace pace, uint32_t seed) {
  FakeGpu settings;
  settings.pace = pace;
  settings.seed = seed;
  return settings;
}

LoadRequest small_model(const std::string& device) {
  return model_of("sd15", {"base.safetensors", "plus.safetensors"}, device);
}

LoadRequest small_model_with_controls(const std::string& device) {
  const ipa_test::GoldenFolder controls("controls");
  LoadRequest request = small_model(device);
  request.adapters.clear();
  request.unet = controls.path("unet-sd15");
  for (const char* file : {"canny", "t2i-full"}) request.controls.push_back({controls.path(file)});
  return request;
}

LoadRequest small_xl_model(const std::string& device) { return model_of("sdxl", {"base.safetensors"}, device); }

Result<Models> load(const LoadRequest& request) { return ModelSet::load(request, nullptr); }

Models loaded(const LoadRequest& request) {
  Result<Models> models = load(request);
  CHECK_OK(models.status());
  return models.ok() ? models.take() : nullptr;
}

GenerateRequest small_call() {
  GenerateRequest request = ipa_test::plain_request("sd15", "ddim-4steps");
  request.steps = 2;
  request.guidance = 5;
  request.width = request.height = 64;
  request.decode = true;
  request.seeds = {3};
  return request;
}

ipa::ImageBranch branch_of(int adapter, float scale, size_t pictures) {
  const char* const paths[] = {"images/wide-150x100.png", "images/square-64.png"};
  ipa::ImageBranch branch;
  branch.adapter = adapter;
  branch.scale = scale;
  for (size_t i = 0; i < pictures; ++i) branch.images.push_back(ipa_test::golden_picture(paths[i % 2]));
  return branch;
}

GenerateResult made(const ModelSet& models, const GenerateRequest& request) {
  Result<GenerateResult> result = ipa_test::generate(models, request, nullptr, nullptr);
  CHECK_OK(result.status());
  return result.ok() ? result.take() : GenerateResult();
}

bool same(const GenerateResult& a, const GenerateResult& b) {
  const auto same_maps = [](const ipa::ModuleMaps& x, const ipa::ModuleMaps& y) {
    return x.module == y.module && x.prompt == y.prompt && x.branches == y.branches && x.sources == y.sources;
  };
  const auto same_picture = [&](const std::vector<ipa::ModuleMaps>& x, const std::vector<ipa::ModuleMaps>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_maps);
  };
  return !a.latents.empty() && a.latents == b.latents && a.images == b.images &&
         std::equal(a.attention.begin(), a.attention.end(), b.attention.begin(), b.attention.end(),
                    same_picture);
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace cuda_faults
