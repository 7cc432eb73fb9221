#include "emulated_api.h"

#include <cstdio>
#include <cstring>

#include "emulated_gpu.h"

namespace cuda_emulator {
namespace {

constexpr int32_t cuda_version = 13000;
constexpr int oldest_capability = 75;

EmulatedDevice& device() { return EmulatedDevice::instance(); }
EmulatedQueue& as_queue(GpuQueue* queue) { return *reinterpret_cast<EmulatedQueue*>(queue); }

GpuResult versions(GpuVersions* versions) {
  *versions = {cuda_version, cuda_version};
  return gpu_ok;
}

GpuResult device_count(int32_t* count) {
  *count = 1;
  return gpu_ok;
}

GpuResult device_info(int32_t index, GpuDeviceInfo* info) {
  if (index != 0) return device().fail(gpu_no_device, "there is one device, of index 0");
  const int capability = options().capability;
  const Limits limits = limits_of(capability);
  uint64_t free_bytes = 0;
  *info = {};
  std::snprintf(info->name, sizeof(info->name), "Emulated GPU sm_%d", capability);
  std::snprintf(info->bus, sizeof(info->bus), "0000:00:00.0");
  info->major = capability / 10;
  info->minor = capability % 10;
  info->multiprocessors = limits.multiprocessors;
  info->shared_per_block = limits.shared_per_block;
  device().memory(free_bytes, info->memory_bytes);
  return gpu_ok;
}

GpuResult open_queue(int32_t index, GpuQueue** queue) {
  if (index != 0) return device().fail(gpu_no_device, "there is one device, of index 0");
  const int capability = options().capability;
  if (capability < oldest_capability || limits_of(capability).shared_per_block == 0)
    return device().fail(gpu_old_architecture, "no code for sm_" + std::to_string(capability));
  if (device().lost()) return device().fail(gpu_lost, "the device is lost");
  *queue = reinterpret_cast<GpuQueue*>(new EmulatedQueue);
  device().count(&GpuCounters::queues, 1);
  return gpu_ok;
}

void close_queue(GpuQueue* queue) {
  delete reinterpret_cast<EmulatedQueue*>(queue);
  device().count(&GpuCounters::queues, -1);
}

GpuResult memory(GpuQueue*, uint64_t* free_bytes, uint64_t* total_bytes) {
  device().memory(*free_bytes, *total_bytes);
  return gpu_ok;
}

GpuResult take(GpuQueue*, uint64_t bytes, void** address) { return device().take(bytes, address); }
GpuResult give(GpuQueue*, void* address) { return device().give(address); }
GpuResult take_pinned(GpuQueue*, uint64_t bytes, void** address) {
  return device().take_pinned(bytes, address);
}
GpuResult give_pinned(GpuQueue*, void* address) { return device().give_pinned(address); }

template <Command::Kind kind>
GpuResult copy(GpuQueue* queue, void* to, const void* from, uint64_t bytes) {
  return device().ask(as_queue(queue), Command::copy(kind, to, from, bytes));
}

GpuResult fill_zero(GpuQueue* queue, void* to, uint64_t bytes) {
  return device().ask(as_queue(queue), Command::copy(Command::Kind::fill_zero, to, nullptr, bytes));
}

GpuResult launch(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t bytes) {
  return device().ask(as_queue(queue), Command::launch(kernel, arguments, bytes));
}

GpuResult graph_begin(GpuQueue* queue) { return device().begin_recording(as_queue(queue)); }

GpuResult graph_end(GpuQueue* queue, GpuGraph** graph) {
  auto recorded = std::make_unique<EmulatedGraph>();
  if (const GpuResult result = device().end_recording(as_queue(queue), *recorded)) return result;
  *graph = reinterpret_cast<GpuGraph*>(recorded.release());
  device().count(&GpuCounters::graphs, 1);
  return gpu_ok;
}

GpuResult graph_launch(GpuQueue* queue, GpuGraph* graph) {
  return device().ask(as_queue(queue), Command::of_graph(graph));
}

void graph_free(GpuGraph* graph) {
  if (!graph) return;
  delete reinterpret_cast<EmulatedGraph*>(graph);
  device().count(&GpuCounters::graphs, -1);
}

GpuResult event_create(GpuQueue*, GpuEvent** event) {
  if (device().lost()) return device().fail(gpu_lost, "the device is lost");
  *event = reinterpret_cast<GpuEvent*>(new EmulatedEvent);
  device().count(&GpuCounters::events, 1);
  return gpu_ok;
}

void event_free(GpuEvent* event) {
  if (!event) return;
  delete reinterpret_cast<EmulatedEvent*>(event);
  device().count(&GpuCounters::events, -1);
}

GpuResult event_record(GpuQueue* queue, GpuEvent* event) {
  return device().ask(as_queue(queue), Command::of_event(event));
}

GpuResult event_wait(GpuEvent*) {
  return device().lost() ? device().fail(gpu_lost, "the device is lost") : gpu_ok;
}

GpuResult event_seconds(GpuEvent* from, GpuEvent* to, double* seconds) {
  const auto& first = *reinterpret_cast<EmulatedEvent*>(from);
  const auto& second = *reinterpret_cast<EmulatedEvent*>(to);
  if (!first.recorded || !second.recorded) return device().fail(gpu_failed, "an event that was never recorded");
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
