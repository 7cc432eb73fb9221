#include "cuda_fake_gpu.h"

#include <cstdio>
#include <cstring>
#include <memory>

#include "cuda/api/kernel_args.h"

struct GpuQueue {};
struct GpuEvent {};

namespace ipa_test {
namespace {

// Whether the function is to do its work; otherwise `result` is what it gives.
bool goes_on(const char* function, GpuResult* result) {
  FakeGpu& gpu = fake_gpu();
  const auto failure = gpu.failures.find(function);
  *result = failure == gpu.failures.end() ? gpu_ok : failure->second;
  if (*result != gpu_ok) gpu.said = std::string(function) + " was told to fail";
  return *result == gpu_ok && gpu.idle != function;
}

#define FAKE_WORKS(function) \
  GpuResult result;          \
  if (!goes_on(function, &result)) return result

GpuResult fake_versions(GpuVersions* versions) {
  FAKE_WORKS("versions");
  *versions = fake_gpu().versions;
  return gpu_ok;
}
GpuResult fake_device_count(int32_t* count) {
  FAKE_WORKS("device_count");
  *count = static_cast<int32_t>(fake_gpu().devices.size());
  return gpu_ok;
}
GpuResult fake_device_info(int32_t index, GpuDeviceInfo* info) {
  FAKE_WORKS("device_info");
  *info = fake_gpu().devices[static_cast<size_t>(index)];
  return gpu_ok;
}

template <class Handle>
GpuResult make_fake(const char* function, Handle** handle) {
  FAKE_WORKS(function);
  *handle = std::make_unique<Handle>().release();
  ++fake_gpu().held;
  return gpu_ok;
}
template <class Handle>
void free_fake(Handle* handle) {
  const std::unique_ptr<Handle> freed(handle);
  --fake_gpu().held;
}
GpuResult fake_open(int32_t, GpuQueue** queue) { return make_fake("open", queue); }
void fake_close(GpuQueue* queue) { free_fake(queue); }
GpuResult fake_event_create(GpuQueue*, GpuEvent** event) { return make_fake("event_create", event); }
void fake_event_free(GpuEvent* event) { free_fake(event); }

GpuResult fake_memory(GpuQueue*, uint64_t* free_bytes, uint64_t* total_bytes) {
  FAKE_WORKS("memory");
  *free_bytes = uint64_t{3} << 20;
  *total_bytes = uint64_t{8192} << 20;
  return gpu_ok;
}
GpuResult take_fake(const char* function, uint64_t bytes, void** address) {
  FAKE_WORKS(function);
  auto block = std::make_unique<uint8_t[]>(bytes);
  std::memset(block.get(), 0xA5, bytes);
  *address = block.release();
  ++fake_gpu().held;
  return gpu_ok;
}
GpuResult fake_take(GpuQueue*, uint64_t bytes, void** address) { return take_fake("take", bytes, address); }
GpuResult fake_take_pinned(GpuQueue*, uint64_t bytes, void** address) {
  return take_fake("take_pinned", bytes, address);
}
GpuResult fake_give(GpuQueue*, void* address) {
  const std::unique_ptr<uint8_t[]> block(static_cast<uint8_t*>(address));
  --fake_gpu().held;
  return gpu_ok;
}

GpuResult copy_fake(const char* function, void* to, const void* from, uint64_t bytes) {
  FAKE_WORKS(function);
  std::memcpy(to, from, bytes);
  return gpu_ok;
}
GpuResult fake_copy_in(GpuQueue*, void* to, const void* from, uint64_t bytes) {
  return copy_fake("copy_in", to, from, bytes);
}
GpuResult fake_copy_out(GpuQueue*, void* to, const void* from, uint64_t bytes) {
  return copy_fake("copy_out", to, from, bytes);
}
GpuResult fake_copy_within(GpuQueue*, void* to, const void* from, uint64_t bytes) {
  return copy_fake("copy_within", to, from, bytes);
}
GpuResult fake_fill_zero(GpuQueue*, void* to, uint64_t bytes) {
  FAKE_WORKS("fill_zero");
  std::memset(to, 0, bytes);
  return gpu_ok;
}

GpuResult fake_launch(GpuQueue*, int32_t kernel, const void* arguments, uint64_t bytes) {
  FAKE_WORKS("launch");
  ipa::gpu::ElementwiseArgs sum;
  if (kernel != static_cast<int32_t>(ipa::gpu::Kernel::elementwise) || bytes != sizeof sum) return gpu_failed;
  std::memcpy(&sum, arguments, sizeof sum);
  const auto row = [](const ipa::gpu::Rows& rows, int64_t r) {
    return static_cast<float*>(rows.data) + r * rows.stride;
  };
  for (int64_t r = 0; r < sum.rows; ++r)
    for (int32_t c = 0; c < sum.channels; ++c) row(sum.out, r)[c] = row(sum.a, r)[c] + row(sum.b, r)[c];
  return gpu_ok;
}

GpuResult fake_graph(GpuQueue*) { return gpu_failed; }
GpuResult fake_graph_end(GpuQueue*, GpuGraph**) { return gpu_failed; }
GpuResult fake_graph_launch(GpuQueue*, GpuGraph*) { return gpu_failed; }
void fake_graph_free(GpuGraph*) {}
GpuResult fake_event_record(GpuQueue*, GpuEvent*) {
  FAKE_WORKS("event_record");
  return gpu_ok;
}
GpuResult fake_event_wait(GpuEvent*) {
  FAKE_WORKS("event_wait");
  return gpu_ok;
}
GpuResult fake_event_seconds(GpuEvent*, GpuEvent*, double*) { return gpu_failed; }
void fake_describe(char* text, size_t bytes) { std::snprintf(text, bytes, "%s", fake_gpu().said.c_str()); }

}  // namespace

void FakeGpu::add_device(const char* name, int32_t major, int32_t minor) {
  GpuDeviceInfo info = {};
  std::snprintf(info.name, sizeof info.name, "%s", name);
  info.major = major;
  info.minor = minor;
  info.memory_bytes = uint64_t{8192} << 20;
  devices.push_back(info);
}

FakeGpu& fake_gpu() {
  static FakeGpu gpu;
  return gpu;
}

const GpuApi& fake_gpu_api() {
  static const GpuApi table = {
      IPA_GPU_ABI,        sizeof(GpuApi),    fake_versions,   fake_device_count, fake_device_info,
      fake_open,          fake_close,        fake_memory,     fake_take,         fake_give,
      fake_take_pinned,   fake_give,         fake_copy_in,    fake_copy_out,     fake_copy_within,
      fake_fill_zero,     fake_launch,       fake_graph,      fake_graph_end,    fake_graph_launch,
      fake_graph_free,    fake_event_create, fake_event_free, fake_event_record, fake_event_wait,
      fake_event_seconds, fake_describe,
  };
  return table;
}

const std::vector<std::string>& fallible_gpu_functions() {
  static const std::vector<std::string> names = {
      "versions", "device_count", "device_info", "open",     "take",         "take_pinned", "event_create",
      "copy_in",  "fill_zero",    "launch",      "copy_out", "event_record", "event_wait"};
  return names;
}

}  // namespace ipa_test
