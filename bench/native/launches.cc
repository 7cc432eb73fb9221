// Plans a full-size network for a GPU, without its weights and without a GPU, and prints a line for each launch: its kernel,
// its operations, the bytes that it reads and writes, and whether tensor cores multiply. native_launches
// --model sd15|sdxl|vae|text|vision [--side LATENTS] [--adapter] [--bytes]. Read by tools/cuda/test/roofline.mjs.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cuda/backend/cuda_backend.h"
#include "launch_cost.h"
#include "networks.h"

namespace {

// A GPU that is there to be asked what it is.
const GpuApi& paper_gpu() {
  static const GpuApi table = [] {
    GpuApi api{};
    api.abi = IPA_GPU_ABI;
    api.table_bytes = sizeof(GpuApi);
    api.versions = [](GpuVersions* versions) {
      *versions = {13000, 13000};
      return gpu_ok;
    };
    api.device_count = [](int32_t* count) {
      *count = 1;
      return gpu_ok;
    };
    api.device_info = [](int32_t, GpuDeviceInfo* info) {
      *info = {};
      info->major = 9;
      return gpu_ok;
    };
    api.open = [](int32_t, GpuQueue**) { return gpu_ok; };
    api.close = [](GpuQueue*) {};
    api.take_pinned = [](GpuQueue*, uint64_t, void**) { return gpu_ok; };
    api.event_create = [](GpuQueue*, GpuEvent**) { return gpu_ok; };
    return api;
  }();
  return table;
}

// Addresses that nobody reads: all that counts is that they are none or some.
uint8_t* somewhere(size_t place) { return reinterpret_cast<uint8_t*>((place + 1) << 40); }

ipa::Status print_launches(const ipa_bench::Choice& choice) {
  IPA_ASSIGN(auto device, ipa::gpu::GpuDevice::open(paper_gpu(), 0, "cuda:0"));
  IPA_ASSIGN(const auto made, ipa::gpu::CudaBackend::make(std::move(device)));
  const ipa::gpu::CudaBackend& backend = *made;
  ipa::ParamSet params;
  IPA_ASSIGN(const ipa::Plan plan, ipa_bench::plan_for_gpu(choice, backend, params));
  std::vector<void*> bindings;
  for (size_t i = 0; i < plan.bound_values().size(); ++i) bindings.push_back(somewhere(i + 1));
  ipa::gpu::Launches launches;
  ipa::gpu::LaunchBuilder builder(plan, somewhere(0), bindings, launches);
  for (const ipa::Step& step : plan.steps()) IPA_TRY(builder.add(step));
  for (const ipa::gpu::Launch& launch : launches.all()) {
    const ipa_bench::LaunchCost cost = ipa_bench::cost_of(launches, launch);
    std::printf("%s %.0f %.0f %s\n", ipa_bench::name_of(launch.kernel), cost.flop, cost.bytes,
                cost.halves ? "halves" : "floats");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  ipa_bench::Choice choice;
  choice.compute = ipa::Compute::f16;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (flag == "--model") choice.model = value();
    if (flag == "--side") choice.side = std::atoi(value().c_str());
    if (flag == "--adapter") choice.adapter = true;
    if (flag == "--bytes") choice.compute = ipa::Compute::int8_weights;
  }
  const ipa::Status status = print_launches(choice);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
