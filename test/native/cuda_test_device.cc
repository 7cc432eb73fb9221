// GPUs to test graphs on, as the emulator knows them or through a plugin.
#include "cuda/backend/cuda_backend.h"
#include "cuda/backend/cuda_device_kind.h"
#include "cuda/loader/plugin_library.h"
#include "emulated_api.h"
#include "harness.h"
#include "test_device.h"

namespace ipa_test {
namespace {

struct GpuType {
  const char* name;
  ipa::Compute compute;
};
constexpr GpuType types[] = {
    {"cuda-f32", ipa::Compute::f32}, {"cuda-f16", ipa::Compute::f16}, {"cuda-bf16", ipa::Compute::bf16}};

// Null, with a failed check, for a plugin that does not open.
const GpuApi* table_of(const std::string& plugin) {
  if (plugin.empty()) {
    cuda_emulator::reset_emulated_gpu();
    return cuda_emulator::emulated_api();
  }
  const auto opened = ipa::gpu::open_plugin(plugin);
  CHECK_OK(opened.status());
  return opened.ok() ? opened.value() : nullptr;
}

bool make(const std::string& name, const std::string& plugin, TestDevice& device) {
  for (const GpuType& type : types) {
    if (name != type.name) continue;
    const GpuApi* api = table_of(plugin);
    if (!api) return false;
    ipa::gpu::register_cuda(*api);
    auto opened = ipa::gpu::GpuDevice::open(*api, 0, "cuda:0");
    CHECK_OK(opened.status());
    if (!opened.ok()) return false;
    auto backend = ipa::gpu::CudaBackend::make(opened.take(), 2);
    CHECK_OK(backend.status());
    if (!backend.ok()) return false;
    device = {name, backend.take(), type.compute};
    return true;
  }
  return false;
}

const RegisterTestDevices registered(make);

}  // namespace
}  // namespace ipa_test
