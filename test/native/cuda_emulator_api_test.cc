// The GpuApi of the emulated device: memory, queues, graphs, events and what it counts.
#include "cuda_emulator_rig.h"

using namespace emulator_test;
using cuda_emulator::emulated_api;
using cuda_emulator::emulated_counters;

namespace {

constexpr size_t row_sums = static_cast<size_t>(Kernel::row_sums);

TestArgs sums_of(Gpu& gpu, const void* values, int rows, int columns) {
  TestArgs g;
  g.a = values, g.rows = rows, g.columns = columns;
  g.out = gpu.device(static_cast<size_t>(rows) * sizeof(float));
  return g;
}

}  // namespace

TEST_ONCE(cuda_emulated_api_fills_its_whole_table) {
  const GpuApi& api = *emulated_api();
  CHECK_EQ(api.abi, IPA_GPU_ABI);
  CHECK_EQ(api.table_bytes, sizeof(GpuApi));
  // Every function behind the two numbers is there.
  void* functions[(sizeof(GpuApi) - offsetof(GpuApi, versions)) / sizeof(void*)];
  std::memcpy(functions, &api.versions, sizeof(functions));
  for (const void* function : functions) CHECK(function != nullptr);
}

TEST_ONCE(cuda_emulated_api_gives_memory_as_long_as_there_is_some) {
  reset_device({}, 1 << 20);
  const GpuApi& api = *emulated_api();
  GpuQueue* queue = nullptr;
  CHECK_EQ(api.open(0, &queue), gpu_ok);
  uint64_t free_bytes = 0, total_bytes = 0;
  void *first = nullptr, *second = nullptr, *third = nullptr;
  CHECK_EQ(api.take(queue, 1000, &first), gpu_ok);
  CHECK_EQ(api.take(queue, 600 << 10, &second), gpu_ok);
  for (const void* address : {first, second}) CHECK_EQ(reinterpret_cast<uintptr_t>(address) % 256, 0);
  CHECK_EQ(api.take(queue, 600 << 10, &third), gpu_no_memory);
  CHECK_EQ(api.memory(queue, &free_bytes, &total_bytes), gpu_ok);
  CHECK_EQ(total_bytes, 1 << 20);
  CHECK_EQ(free_bytes, (1 << 20) - 1000 - (600 << 10));
  CHECK_EQ(api.give(queue, second), gpu_ok);
  CHECK_EQ(api.take(queue, 600 << 10, &third), gpu_ok);
  CHECK_EQ(api.give(queue, static_cast<char*>(third) + 256), gpu_failed);
  CHECK_EQ(emulated_counters().most_taken_bytes, 1000 + (600 << 10));
  CHECK_EQ(emulated_counters().allocations, 2);
  CHECK_EQ(api.give(queue, third), gpu_ok);
  CHECK_EQ(api.give(queue, first), gpu_ok);
  CHECK_EQ(emulated_counters().taken_bytes, 0);
  api.close(queue);
  CHECK_EQ(emulated_counters().queues, 0);
}

TEST_ONCE(cuda_emulated_api_memory_begins_as_nan_and_comes_back_as_other_bytes) {
  reset_device();
  Gpu gpu(*emulated_api());
  const auto* fresh = static_cast<const float*>(gpu.device(1 << 16));
  for (const float value : gpu.download(fresh, 1 << 14)) CHECK(std::isnan(value));
}

TEST_ONCE(cuda_emulated_api_copies_and_fills_within_allocations_alone) {
  reset_device();
  Gpu gpu(*emulated_api());
  const std::vector<int32_t> values = {1, 2, 3, 4, 5, 6, 7, 8};
  int32_t* from = gpu.upload(values);
  auto* to = static_cast<int32_t*>(gpu.device(32));
  CHECK_EQ(gpu.api.copy_within(gpu.queue, to, from, 32), gpu_ok);
  CHECK_EQ(gpu.api.fill_zero(gpu.queue, to + 2, 8), gpu_ok);
  CHECK(gpu.download(to, 8) == std::vector<int32_t>({1, 2, 0, 0, 5, 6, 7, 8}));
  CHECK_EQ(gpu.api.copy_within(gpu.queue, to, from, 33), gpu_failed);
  CHECK_EQ(gpu.api.fill_zero(gpu.queue, to + 7, 8), gpu_failed);
  char text[128];
  gpu.api.describe(text, sizeof(text));
  CHECK_EQ(std::string(text), "a copy to where the device has no memory");
}

TEST_ONCE(cuda_emulated_api_launches_what_a_graph_has_recorded) {
  reset_device();
  Gpu gpu(*emulated_api());
  std::vector<float> values = random_floats(4 * 8, 8);
  float* in = gpu.upload(values);
  const TestArgs g = sums_of(gpu, in, 4, 8);
  GpuGraph* graph = nullptr;
  CHECK_EQ(gpu.api.graph_end(gpu.queue, &graph), gpu_failed);
  CHECK_EQ(gpu.api.graph_begin(gpu.queue), gpu_ok);
  CHECK_EQ(gpu.api.graph_begin(gpu.queue), gpu_failed);
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  CHECK_EQ(gpu.api.fill_zero(gpu.queue, in, 16), gpu_ok);
  CHECK_EQ(gpu.api.graph_end(gpu.queue, &graph), gpu_ok);
  CHECK_EQ(emulated_counters().launches[row_sums], 0);
  const auto sums = [&] { return gpu.download(static_cast<const float*>(g.out), 4); };
  const auto expected = [&] {
    double sum = 0;
    for (size_t c = 0; c < 8; ++c) sum += static_cast<double>(values[c]);
    return sum;
  };
  CHECK(std::isnan(sums()[0]));
  CHECK_EQ(gpu.api.graph_launch(gpu.queue, graph), gpu_ok);
  CHECK_NEAR(static_cast<double>(sums()[0]), expected(), 1e-6);
  CHECK_EQ(gpu.api.graph_launch(gpu.queue, graph), gpu_ok);
  for (size_t c = 0; c < 4; ++c) values[c] = 0;  // by the first launch's end
  CHECK_NEAR(static_cast<double>(sums()[0]), expected(), 1e-6);
  CHECK_EQ(emulated_counters().launches[row_sums], 2);
  CHECK_EQ(emulated_counters().graph_launches, 2);
  gpu.api.graph_free(graph);
  CHECK_EQ(emulated_counters().graphs, 0);
}

TEST_ONCE(cuda_emulated_api_events_tell_the_time_between_them) {
  reset_device();
  Gpu gpu(*emulated_api());
  GpuEvent *before = nullptr, *after = nullptr;
  CHECK_EQ(gpu.api.event_create(gpu.queue, &before), gpu_ok);
  CHECK_EQ(gpu.api.event_create(gpu.queue, &after), gpu_ok);
  CHECK_EQ(gpu.api.event_wait(after), gpu_ok);  // never recorded: at once
  double seconds = -1;
  CHECK_EQ(gpu.api.event_record(gpu.queue, before), gpu_ok);
  CHECK_EQ(gpu.api.event_seconds(before, after, &seconds), gpu_failed);
  CHECK_EQ(gpu.api.event_record(gpu.queue, after), gpu_ok);
  CHECK_EQ(gpu.api.event_seconds(before, after, &seconds), gpu_ok);
  CHECK(seconds >= 0);
  gpu.api.event_free(before);
  gpu.api.event_free(after);
  CHECK_EQ(emulated_counters().events, 0);
}

TEST_ONCE(cuda_emulated_api_has_one_device_of_a_known_capability) {
  cuda_emulator::Options options;
  options.capability = 61;
  reset_device(options);
  const GpuApi& api = *emulated_api();
  GpuQueue* queue = nullptr;
  int32_t count = 0;
  CHECK_EQ(api.open(0, &queue), gpu_old_architecture);
  CHECK_EQ(api.open(1, &queue), gpu_no_device);
  CHECK_EQ(api.device_count(&count), gpu_ok);
  CHECK_EQ(count, 1);
}
