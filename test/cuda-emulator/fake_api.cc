#include "fake_api.h"

#include <cstdio>

#include "fake_gpu.h"

namespace cuda_emulator {
namespace {

FakeDevice& device() { return FakeDevice::instance(); }
FakeQueue& as_queue(GpuQueue* queue) { return *reinterpret_cast<FakeQueue*>(queue); }
FakeEvent& as_event(GpuEvent* event) { return *reinterpret_cast<FakeEvent*>(event); }

GpuResult versions(GpuVersions* versions) {
  *versions = device().settings().versions;
  return gpu_ok;
}

// What a driver says of itself, before any device is asked.
GpuResult driver_problem() {
  const GpuVersions& found = device().settings().versions;
  if (found.driver == 0) return device().fail(gpu_no_driver, "no driver is installed");
  if (found.driver < found.needed) return device().fail(gpu_driver_too_old, "the driver is too old");
  return gpu_ok;
}

GpuResult device_problem(int32_t index) {
  if (const GpuResult result = driver_problem()) return result;
  if (index < 0 || index >= device().settings().devices)
    return device().fail(gpu_no_device, "there is no device of that index");
  return gpu_ok;
}

GpuResult device_count(int32_t* count) {
  *count = 0;
  if (const GpuResult result = driver_problem()) return result;
  *count = device().settings().devices;
  return gpu_ok;
}

GpuResult device_info(int32_t index, GpuDeviceInfo* info) {
  if (const GpuResult result = device_problem(index)) return result;
  return device().real().device_info(index, info);
}

GpuResult open_queue(int32_t index, GpuQueue** queue) {
  if (const GpuResult result = device_problem(index)) return result;
  if (device().settings().old_architecture)
    return device().fail(gpu_old_architecture, "no code for the device");
  return device().open(index, queue);
}

void close_queue(GpuQueue* queue) { device().close(as_queue(queue)); }

GpuResult memory(GpuQueue* queue, uint64_t* free_bytes, uint64_t* total_bytes) {
  return device().memory(as_queue(queue), free_bytes, total_bytes);
}

template <bool pinned>
GpuResult take(GpuQueue* queue, uint64_t bytes, void** address) {
  return device().take(as_queue(queue), pinned, bytes, address);
}
template <bool pinned>
GpuResult give(GpuQueue* queue, void* address) {
  return device().give(as_queue(queue), pinned, address);
}

template <Command::Kind kind>
GpuResult copy(GpuQueue* queue, void* to, const void* from, uint64_t bytes) {
  return device().ask(as_queue(queue), Call::copy, Command::copy(kind, to, from, bytes));
}
GpuResult fill_zero(GpuQueue* queue, void* to, uint64_t bytes) {
  return device().ask(as_queue(queue), Call::copy, Command::copy(Command::Kind::fill_zero, to, nullptr, bytes));
}
GpuResult launch(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t bytes) {
  return device().ask(as_queue(queue), Call::launch, Command::launch(kernel, arguments, bytes));
}

GpuResult graph_begin(GpuQueue* queue) { return device().graph_begin(as_queue(queue)); }
GpuResult graph_end(GpuQueue* queue, GpuGraph** graph) { return device().graph_end(as_queue(queue), graph); }
GpuResult graph_launch(GpuQueue* queue, GpuGraph* graph) {
  return device().ask(as_queue(queue), Call::graph, Command::of_graph(graph));
}
void graph_free(GpuGraph* graph) { device().graph_free(reinterpret_cast<FakeGraph*>(graph)); }

GpuResult event_create(GpuQueue* queue, GpuEvent** event) {
  return device().event_create(as_queue(queue), event);
}
void event_free(GpuEvent* event) { device().event_free(reinterpret_cast<FakeEvent*>(event)); }
GpuResult event_record(GpuQueue* queue, GpuEvent* event) {
  return device().ask(as_queue(queue), Call::event, Command::of_event(event));
}
GpuResult event_wait(GpuEvent* event) { return device().event_wait(as_event(event)); }
GpuResult event_seconds(GpuEvent* from, GpuEvent* to, double* seconds) {
  return device().event_seconds(as_event(from), as_event(to), seconds);
}

void describe(char* text, size_t bytes) {
  if (bytes == 0) return;
  if (fake_problem().empty())
    device().real().describe(text, bytes);
  else
    std::snprintf(text, bytes, "%s", fake_problem().c_str());
}

GpuApi make_table() {
  GpuApi table{};
  table.abi = IPA_GPU_ABI;
  table.table_bytes = sizeof(GpuApi);
  table.versions = versions;
  table.device_count = device_count;
  table.device_info = device_info;
  table.open = open_queue;
  table.close = close_queue;
  table.memory = memory;
  table.take = take<false>;
  table.give = give<false>;
  table.take_pinned = take<true>;
  table.give_pinned = give<true>;
  table.copy_in = copy<Command::Kind::copy_in>;
  table.copy_out = copy<Command::Kind::copy_out>;
  table.copy_within = copy<Command::Kind::copy_within>;
  table.fill_zero = fill_zero;
  table.launch = launch;
  table.graph_begin = graph_begin;
  table.graph_end = graph_end;
  table.graph_launch = graph_launch;
  table.graph_free = graph_free;
  table.event_create = event_create;
  table.event_free = event_free;
  table.event_record = event_record;
  table.event_wait = event_wait;
  table.event_seconds = event_seconds;
  table.describe = describe;
  return table;
}

}  // namespace

const GpuApi* fake_api() {
  static const GpuApi table = make_table();
  return &table;
}

void reset_fake_gpu(const FakeGpu& settings) { device().reset(settings); }
void set_fake_faults(const std::vector<Fault>& faults, int64_t lost_from) {
  device().set_faults(faults, lost_from);
}
FakeCounters fake_counters() { return device().counters(); }
std::vector<std::string> fake_findings() { return device().findings(); }

}  // namespace cuda_emulator
