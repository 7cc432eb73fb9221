// A plugin (native/cuda/api/gpu_api.h) whose GPU is the emulator, so that all of the engine can be run with a GPU. EMULATED_CUDA
// names it a capability, such as "75"; EMULATED_CUDA_WRONG a kernel whose last result is wrong, see `wrong_kernels`, and
// EMULATED_CUDA_LOST one after which the GPU is lost.
#include <cstdlib>
#include <cstring>
#include <string>

#include "cuda/kernels/launch.cuh"
#include "emulated_api.h"
#include "launch.h"

namespace {

using ipa::gpu::Kernel;
using ipa::gpu::Rows;

// Of those that write rows: what they are called here, where their results go and how many there are.
struct WrongKernel {
  const char* name;
  Kernel kernel;
  Rows (*out)(const void* arguments);
  int64_t (*rows)(const void* arguments);
};

template <class Args>
const Args& as(const void* arguments) {
  return *static_cast<const Args*>(arguments);
}

const WrongKernel wrong_kernels[] = {
    {"product", Kernel::product, [](const void* g) { return as<ipa::gpu::ProductArgs>(g).epilogue.out; },
     [](const void* g) { return as<ipa::gpu::ProductArgs>(g).rows; }},
    {"attention", Kernel::attention, [](const void* g) { return as<ipa::gpu::AttentionArgs>(g).out; },
     [](const void* g) { return int64_t{as<ipa::gpu::AttentionArgs>(g).queries}; }},
    {"group_norm", Kernel::norm_apply, [](const void* g) { return as<ipa::gpu::GroupNormArgs>(g).out; },
     [](const void* g) { return as<ipa::gpu::GroupNormArgs>(g).rows; }},
    {"layer_norm", Kernel::layer_norm, [](const void* g) { return as<ipa::gpu::LayerNormArgs>(g).out; },
     [](const void* g) { return as<ipa::gpu::LayerNormArgs>(g).rows; }},
};

// 4 as the first number of the last row.
void spoil(const Rows& out, int64_t rows) {
  if (!out.data || rows <= 0) return;
  const auto size = static_cast<size_t>(ipa::gpu::element_size(out.element));
  uint8_t* const at = static_cast<uint8_t*>(out.data) + static_cast<size_t>((rows - 1) * out.stride) * size;
  const float wrong = 4;
  uint32_t bits = 0;
  std::memcpy(&bits, &wrong, sizeof bits);
  const auto half = static_cast<uint16_t>(out.element == ipa::gpu::Element::bf16 ? bits >> 16 : 0x4400);
  if (size == 4)
    std::memcpy(at, &wrong, 4);
  else
    std::memcpy(at, &half, 2);
}

bool is_named(const char* variable, const char* name) {
  const char* set = std::getenv(variable);
  return set && std::string(set) == name;
}

int launch(int32_t kernel, const void* arguments, uint64_t bytes) {
  const int result = ipa::gpu::launch_kernel(kernel, arguments, bytes, nullptr);
  for (const WrongKernel& wrong : wrong_kernels) {
    if (static_cast<int32_t>(wrong.kernel) != kernel || result != cuda_emulator::launch_ok) continue;
    if (is_named("EMULATED_CUDA_LOST", wrong.name)) return cuda_emulator::launch_trapped;
    if (is_named("EMULATED_CUDA_WRONG", wrong.name)) spoil(wrong.out(arguments), wrong.rows(arguments));
  }
  return result;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const GpuApi* ipa_gpu_api(int32_t abi) {
  if (abi != 0 && abi != IPA_GPU_ABI) return nullptr;
  static const bool ready = [] {
    cuda_emulator::EmulatedGpu gpu;
    if (const char* capability = std::getenv("EMULATED_CUDA")) gpu.options.capability = std::atoi(capability);
    gpu.launcher = launch;
    cuda_emulator::reset_emulated_gpu(gpu);
    return true;
  }();
  return ready ? cuda_emulator::emulated_api() : nullptr;
}
