#include "cuda/doctor/gpu_speed.h"

#include <algorithm>
#include <cstring>

#include "cuda/loader/gpu_handles.h"

namespace ipa::gpu {
namespace {

struct KnownGpu {
  const char* name;  // a part of it
  int32_t multiprocessors;
  double teraflops;
};

constexpr KnownGpu known[] = {
    {"Tesla T4", 40, 65.1},   {"RTX 2080 Ti", 68, 53.8}, {"A100", 108, 312},
    {"A30", 56, 165},         {"RTX 3090", 82, 71},      {"RTX 3080", 68, 59.5},
    {"A10", 72, 125},         {"A40", 84, 149.7},        {"RTX A6000", 84, 154.8},
    {"RTX 4090", 128, 165.2}, {"RTX 4080", 76, 97.5},    {"L40S", 142, 362},
    {"L40", 142, 181},        {"L4", 58, 121},           {"H100 80GB HBM3", 132, 989.4},
    {"H100 PCIe", 114, 756},  {"H100 NVL", 132, 835},    {"H200", 132, 989.4},
    {"GH200", 132, 989.4},    {"B200", 148, 2250},       {"RTX 5090", 170, 209.5},
    {"RTX 5080", 84, 112.6},
};

constexpr int copies = 4, attempts = 5;

class Bandwidth {
 public:
  Bandwidth(const GpuDevice& device, uint64_t bytes) : device_(device), bytes_(bytes) {}

  Result<double> measure() {
    const std::lock_guard<std::mutex> lock(device_.order());
    IPA_TRY(take(from_));
    IPA_TRY(take(to_));
    IPA_TRY(make(before_));
    IPA_TRY(make(after_));
    double best = 0;
    for (int i = 0; i < attempts; ++i) {
      double seconds = 0;
      IPA_TRY(once(seconds));
      if (seconds > 0) best = std::max(best, 2.0 * copies * static_cast<double>(bytes_) / seconds);
    }
    return best;
  }

 private:
  const GpuApi& api() const { return device_.api(); }

  Status take(OwnedMemory& block) {
    void* address = nullptr;
    const GpuResult result = api().take(device_.queue(), bytes_, &address);
    if (result == gpu_no_memory) return device_.no_memory(bytes_, "there is no memory to copy");
    IPA_TRY(device_.check(result, "taking memory"));
    block = OwnedMemory(address, {device_.queue(), api().give});
    return device_.check(api().fill_zero(device_.queue(), address, bytes_), "writing zeros");
  }

  Status make(OwnedEvent& event) {
    GpuEvent* made = nullptr;
    IPA_TRY(device_.check(api().event_create(device_.queue(), &made), "making an event"));
    event = OwnedEvent(made, {&api()});
    return {};
  }

  Status once(double& seconds) {
    IPA_TRY(device_.check(api().event_record(device_.queue(), before_.get()), "marking a copy"));
    for (int i = 0; i < copies; ++i)
      IPA_TRY(device_.check(api().copy_within(device_.queue(), to_.get(), from_.get(), bytes_), "a copy"));
    IPA_TRY(device_.check(api().event_record(device_.queue(), after_.get()), "marking a copy"));
    IPA_TRY(device_.check(api().event_wait(after_.get()), "a copy"));
    return device_.check(api().event_seconds(before_.get(), after_.get(), &seconds), "timing a copy");
  }

  const GpuDevice& device_;
  const uint64_t bytes_;
  OwnedMemory from_, to_;
  OwnedEvent before_, after_;
};

}  // namespace

double stated_peak(const GpuDeviceInfo& info) {
  for (const KnownGpu& gpu : known)
    if (gpu.multiprocessors == info.multiprocessors && std::strstr(info.name, gpu.name))
      return gpu.teraflops * 1e12;
  return 0;
}

Result<double> measured_bandwidth(const GpuDevice& device, uint64_t bytes) {
  return Bandwidth(device, bytes).measure();
}

}  // namespace ipa::gpu
