// What the tests of the CUDA emulator share: memory of a GpuApi's device as vectors, and launches of test_kernels.h.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "emulated_api.h"
#include "harness.h"
#include "random.h"
#include "test_kernels.h"

namespace emulator_test {

// A queue, and memory that goes back with it.
class Gpu {
 public:
  explicit Gpu(const GpuApi& api) : api(api) { CHECK_EQ(api.open(0, &queue), gpu_ok); }
  ~Gpu() {
    for (void* address : device_) api.give(queue, address);
    for (void* address : pinned_) api.give_pinned(queue, address);
    api.close(queue);
  }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  void* device(size_t bytes) {
    void* address = nullptr;
    CHECK_EQ(api.take(queue, bytes, &address), gpu_ok);
    device_.push_back(address);
    return address;
  }
  void* pinned(size_t bytes) {
    void* address = nullptr;
    CHECK_EQ(api.take_pinned(queue, bytes, &address), gpu_ok);
    pinned_.push_back(address);
    return address;
  }
  // Until all that was asked for is done.
  void wait() {
    GpuEvent* event = nullptr;
    CHECK_EQ(api.event_create(queue, &event), gpu_ok);
    CHECK_EQ(api.event_record(queue, event), gpu_ok);
    CHECK_EQ(api.event_wait(event), gpu_ok);
    api.event_free(event);
  }
  template <class T>
  T* upload(const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    void *to = device(bytes), *from = pinned(bytes);
    std::memcpy(from, values.data(), bytes);
    CHECK_EQ(api.copy_in(queue, to, from, bytes), gpu_ok);
    return static_cast<T*>(to);
  }
  template <class T>
  std::vector<T> download(const T* from, size_t count) {
    std::vector<T> values(count);
    void* to = pinned(count * sizeof(T));
    CHECK_EQ(api.copy_out(queue, to, from, count * sizeof(T)), gpu_ok);
    wait();
    std::memcpy(values.data(), to, count * sizeof(T));
    return values;
  }
  GpuResult launch(Kernel kernel, const TestArgs& arguments) {
    return api.launch(queue, static_cast<int32_t>(kernel), &arguments, sizeof(arguments));
  }

  const GpuApi& api;
  GpuQueue* queue = nullptr;

 private:
  std::vector<void*> device_, pinned_;
};

// A new device that runs the kernels of test_kernels.h.
inline void reset_device(const cuda_emulator::Options& options = {}, uint64_t memory_bytes = 64 << 20) {
  cuda_emulator::EmulatedGpu settings;
  settings.options = options;
  settings.memory_bytes = memory_bytes;
  settings.launcher = launch_test_kernel;
  cuda_emulator::reset_emulated_gpu(settings);
  cuda_emulator::forget_findings();
}

// The ways in which threads take turns and copies land that tests go through.
inline std::vector<cuda_emulator::Options> all_orders() {
  using cuda_emulator::Order;
  std::vector<cuda_emulator::Options> all;
  for (const bool late : {false, true})
    for (const Order order : {Order::ascending, Order::descending, Order::random})
      for (const uint32_t seed : {1u, 2u, 3u}) {
        if (order != Order::random && seed > 1) continue;
        cuda_emulator::Options options;
        options.order = order;
        options.seed = seed;
        options.late_copies = late;
        all.push_back(options);
      }
  return all;
}

inline std::vector<float> random_floats(size_t count, uint64_t seed) {
  ipa_test::Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

inline bool has_finding(const char* part) {
  for (const auto& finding : cuda_emulator::findings())
    if (finding.text.find(part) != std::string::npos) return true;
  return false;
}
inline void check_no_findings() {
  CHECK_EQ(cuda_emulator::finding_count(), 0);
  for (const auto& finding : cuda_emulator::findings()) std::printf("    %s\n", finding.text.c_str());
}

}  // namespace emulator_test
