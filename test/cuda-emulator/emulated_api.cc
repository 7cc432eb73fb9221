#include "emulated_api.h"

#include <cstdio>
#include <cstring>

#include "emulated_gpu.h"

namespace cuda_emulator {
namespace {

constexpr int32_t cuda_version = 13000;
constexpr int oldest_capability = 75;

EmulatedDevices& devices() { return EmulatedDevices::instance(); }
EmulatedQueue& as_queue(GpuQueue* queue) { return *reinterpret_cast<EmulatedQueue*>(queue); }

GpuResult versions(GpuVersions* versions) {
  *versions = {cuda_version, cuda_version};
  return gpu_ok;
}

bool is_there(int32_t index) { return index >= 0 && index < devices().device_count(); }
GpuResult no_such_device() { return devices().fail(gpu_no_device, "there is no device of that index"); }
GpuResult is_lost() { return devices().fail(gpu_lost, "the device is lost"); }

GpuResult device_count(int32_t* count) {
  *count = devices().device_count();
  return gpu_ok;
}

GpuResult device_info(int32_t index, GpuDeviceInfo* info) {
  if (!is_there(index)) return no_such_device();
  const int capability = options().capability;
  const Limits limits = limits_of(capability);
  uint64_t free_bytes = 0;
  *info = {};
  std::snprintf(info->name, sizeof(info->name), "Emulated GPU sm_%d", capability);
  std::snprintf(info->bus, sizeof(info->bus), "0000:%02x:00.0", static_cast<unsigned>(index));
  info->major = capability / 10;
  info->minor = capability % 10;
  info->multiprocessors = limits.multiprocessors;
  info->shared_per_block = limits.shared_per_block;
  devices().memory(index, free_bytes, info->memory_bytes);
  return gpu_ok;
}

GpuResult open_queue(int32_t index, GpuQueue** queue) {
  if (!is_there(index)) return no_such_device();
  const int capability = options().capability;
  if (capability < oldest_capability || limits_of(capability).shared_per_block == 0)
    return devices().fail(gpu_old_architecture, "no code for sm_" + std::to_string(capability));
  if (devices().lost(index)) return is_lost();
  auto opened = std::make_unique<EmulatedQueue>();
  opened->device = index;
  *queue = reinterpret_cast<GpuQueue*>(opened.release());
  devices().count(&GpuCounters::queues, 1);
  return gpu_ok;
}

void close_queue(GpuQueue* queue) {
  delete reinterpret_cast<EmulatedQueue*>(queue);
  devices().count(&GpuCounters::queues, -1);
}

GpuResult memory(GpuQueue* queue, uint64_t* free_bytes, uint64_t* total_bytes) {
  devices().memory(as_queue(queue).device, *free_bytes, *total_bytes);
  return gpu_ok;
}

GpuResult take(GpuQueue* queue, uint64_t bytes, void** address) {
  return devices().take(as_queue(queue).device, bytes, address);
}
GpuResult give(GpuQueue* queue, void* address) { return devices().give(as_queue(queue).device, address); }
GpuResult take_pinned(GpuQueue* queue, uint64_t bytes, void** address) {
  return devices().take_pinned(as_queue(queue).device, bytes, address);
}
GpuResult give_pinned(GpuQueue* queue, void* address) {
  return devices().give_pinned(as_queue(queue).device, address);
}

template <Command::Kind kind>
GpuResult copy(GpuQueue* queue, void* to, const void* from, uint64_t bytes) {
  return devices().ask(as_queue(queue), Command::copy(kind, to, from, bytes));
}

GpuResult fill_zero(GpuQueue* queue, void* to, uint64_t bytes) {
  return devices().ask(as_queue(queue), Command::copy(Command::Kind::fill_zero, to, nullptr, bytes));
}

GpuResult launch(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t bytes) {
  return devices().ask(as_queue(queue), Command::launch(kernel, arguments, bytes));
}

GpuResult graph_begin(GpuQueue* queue) { return devices().begin_recording(as_queue(queue)); }

GpuResult graph_end(GpuQueue* queue, GpuGraph** graph) {
  auto recorded = std::make_unique<EmulatedGraph>();
  if (const GpuResult result = devices().end_recording(as_queue(queue), *recorded)) return result;
  *graph = reinterpret_cast<GpuGraph*>(recorded.release());
  devices().count(&GpuCounters::graphs, 1);
  return gpu_ok;
}

GpuResult graph_launch(GpuQueue* queue, GpuGraph* graph) {
  return devices().ask(as_queue(queue), Command::of_graph(graph));
}

void graph_free(GpuGraph* graph) {
  if (!graph) return;
  delete reinterpret_cast<EmulatedGraph*>(graph);
  devices().count(&GpuCounters::graphs, -1);
}

GpuResult event_create(GpuQueue* queue, GpuEvent** event) {
  if (devices().lost(as_queue(queue).device)) return is_lost();
  auto made = std::make_unique<EmulatedEvent>();
  made->device = as_queue(queue).device;
  *event = reinterpret_cast<GpuEvent*>(made.release());
  devices().count(&GpuCounters::events, 1);
  return gpu_ok;
}

void event_free(GpuEvent* event) {
  if (!event) return;
  delete reinterpret_cast<EmulatedEvent*>(event);
  devices().count(&GpuCounters::events, -1);
}

GpuResult event_record(GpuQueue* queue, GpuEvent* event) {
  return devices().ask(as_queue(queue), Command::of_event(event));
}

GpuResult event_wait(GpuEvent* event) {
  return devices().lost(reinterpret_cast<EmulatedEvent*>(event)->device) ? is_lost() : gpu_ok;
}

GpuResult event_seconds(GpuEvent* from, GpuEvent* to, double* seconds) {
  const auto& first = *reinterpret_cast<EmulatedEvent*>(from);
  const auto& second = *reinterpret_cast<EmulatedEvent*>(to);
  if (!first.recorded || !second.recorded)
    return devices().fail(gpu_failed, "an event that was never recorded");
  *seconds = std::chrono::duration<double>(second.time - first.time).count();
  return gpu_ok;
}

void describe(char* text, size_t bytes) {
  if (bytes > 0) std::snprintf(text, bytes, "%s", last_problem().c_str());
}

}  // namespace

const GpuApi* emulated_api() {
  static const GpuApi api = [] {
    GpuApi table{};
    table.abi = IPA_GPU_ABI;
    table.table_bytes = sizeof(GpuApi);
    table.versions = versions;
    table.device_count = device_count;
    table.device_info = device_info;
    table.open = open_queue;
    table.close = close_queue;
    table.memory = memory;
    table.take = take;
    table.give = give;
    table.take_pinned = take_pinned;
    table.give_pinned = give_pinned;
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
  }();
  return &api;
}

}  // namespace cuda_emulator
