// What a GPU is checked on: that the cases of real sizes, which no emulator runs in a test, have plans and launches; and that the
// same numbers are drawn for every device.
#include <set>

#include "check/check_case.h"
#include "cuda/backend/cuda_backend.h"
#include "cuda/doctor/check_gpu.h"
#include "cuda/doctor/gpu_speed.h"
#include "emulated_api.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::CheckCase;
using ipa::CheckSketch;

std::shared_ptr<const ipa::gpu::GpuDevice> emulated_device() {
  cuda_emulator::reset_emulated_gpu();
  auto opened = ipa::gpu::GpuDevice::open(*cuda_emulator::emulated_api(), 0, "cuda:0");
  CHECK_OK(opened.status());
  return opened.ok() ? opened.take() : nullptr;
}

TEST_ONCE(cuda_doctor_real_sizes_have_launches) {
  if (ipa_test::test_device().is_gpu()) return;  // that device is the emulator's one, and open
  const auto device = emulated_device();
  if (!device) return;
  const auto made = ipa::gpu::CudaBackend::make(device);
  CHECK_OK(made.status());
  if (!made.ok()) return;
  const ipa::gpu::CudaBackend& gpu = *made.value();
  int real = 0;
  for (const CheckCase& c : ipa::check_cases(true)) {
    if (!c.is_real) continue;
    ++real;
    CheckSketch sketch(1, ipa::gpu::check_numbers(ipa::gpu::CheckType::f16));
    c.describe(sketch);
    CHECK_OK(sketch.graph.status());
    for (const auto& param : sketch.params.all()) {
      if (param->is_matrix()) param->compute = ipa::Compute::f16;
      param->data = ipa::Memory(gpu.memory(), gpu.packed_bytes(*param));
    }
    auto made = ipa::Program::make(std::move(sketch.graph), gpu);
    CHECK_OK(made.status());
    if (made.ok()) CHECK_OK(made.value()->prepare());
    CHECK(c.flops > 0 || c.elements > 0 || c.op == "token_merging");
  }
  CHECK(real > 20);
}

TEST_ONCE(cuda_doctor_case_names_tell_them_apart) {
  std::set<std::string> names;
  for (const CheckCase& c : ipa::check_cases(true)) CHECK(names.insert(c.op + " " + c.size).second);
}

TEST_ONCE(cuda_doctor_peaks_are_of_the_whole_card) {
  GpuDeviceInfo info = {};
  const auto peak = [&](const char* name, int multiprocessors) {
    std::snprintf(info.name, sizeof info.name, "%s", name);
    info.multiprocessors = multiprocessors;
    return ipa::gpu::stated_peak(info);
  };
  CHECK_EQ(peak("NVIDIA H100 80GB HBM3", 132), 989.4e12);
  CHECK_EQ(peak("NVIDIA H100 PCIe", 114), 756e12);
  CHECK_EQ(peak("NVIDIA L40S", 142), 362e12);
  // A part of a card (MIG) has not its peak, and one that is not known none.
  CHECK_EQ(peak("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 16), 0.0);
  CHECK_EQ(peak("NVIDIA GeForce GTX 9999", 40), 0.0);
}

}  // namespace
