// GPUs to test graphs on, as the emulator knows them or through a plugin.
#include "cuda/backend/cuda_backend.h"
#include "cuda/backend/cuda_device_kind.h"
#include "cuda/loader/plugin_library.h"
#include "cuda_kernel_rig.h"
#include "cuda_spared_api.h"
#include "emulated_api.h"
#include "emulator.h"
#include "harness.h"
#include "test_device.h"

// The beginning of the executable's file in memory, from the linker.
extern "C" const char __executable_start;

namespace ipa_test {
namespace {

struct GpuType {
  const char* name;
  ipa::Compute compute;
};
constexpr GpuType types[] = {
    {"cuda-f32", ipa::Compute::f32}, {"cuda-f16", ipa::Compute::f16}, {"cuda-bf16", ipa::Compute::bf16}};

// Null, with a failed check, for a plugin that does not open, or a GPU that cannot be emulated.
const GpuApi* table_of(const TestDeviceChoice& choice, ipa::Compute compute) {
  if (choice.plugin.empty()) {
    cuda_emulator::EmulatedGpu settings;
    if (!chosen_options(settings.options)) return nullptr;
    if (compute == ipa::Compute::bf16 && settings.options.capability < 80) return nullptr;
    cuda_emulator::reset_emulated_gpu(settings);
    return spared_api(*cuda_emulator::emulated_api());
  }
  const auto opened = ipa::gpu::open_plugin(choice.plugin);
  CHECK_OK(opened.status());
  return opened.ok() ? opened.value() : nullptr;
}

class EmulatorWitness : public DeviceWitness {
 public:
  std::vector<std::string> findings() override {
    std::vector<std::string> texts;
    for (const cuda_emulator::Finding& finding : cuda_emulator::findings()) texts.push_back(finding.text);
    const int64_t more = cuda_emulator::finding_count() - static_cast<int64_t>(texts.size());
    if (more > 0) texts.push_back(std::to_string(more) + " more findings of these kinds");
    cuda_emulator::forget_findings();
    return texts;
  }
  std::vector<std::pair<uint64_t, int64_t>> launches() override {
    std::vector<std::pair<uint64_t, int64_t>> places;
    const auto start = reinterpret_cast<uintptr_t>(&__executable_start);
    for (const auto& [kernel, count] : cuda_emulator::launched_kernels())
      places.emplace_back(reinterpret_cast<uintptr_t>(kernel) - start, count);
    return places;
  }
};

bool make(const TestDeviceChoice& choice, TestDevice& device) {
  for (const GpuType& type : types) {
    if (choice.name != type.name) continue;
    const GpuApi* api = table_of(choice, type.compute);
    if (!api) return false;
    ipa::gpu::register_cuda(*api);
    auto opened = ipa::gpu::GpuDevice::open(*api, 0, "cuda:0");
    CHECK_OK(opened.status());
    if (!opened.ok()) return false;
    auto backend = ipa::gpu::CudaBackend::make(opened.take());
    CHECK_OK(backend.status());
    if (!backend.ok()) return false;
    device = {choice.name, backend.take(), type.compute};
    return true;
  }
  return false;
}

EmulatorWitness witness;
const RegisterTestDevices registered(make, witness);

}  // namespace
}  // namespace ipa_test
