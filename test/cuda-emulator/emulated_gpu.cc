#include "emulated_gpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "checks.h"
#include "cuda/kernels/launch.cuh"

namespace cuda_emulator {
namespace {

constexpr size_t pinned_alignment = 256;

thread_local std::string problem;

int launch_of_engine(int32_t kernel, const void* arguments, uint64_t bytes) {
  return ipa::gpu::launch_kernel(kernel, arguments, bytes, nullptr);
}

}  // namespace

const std::string& last_problem() { return problem; }

EmulatedDevices& EmulatedDevices::instance() {
  // Never destroyed: threads may still run kernels while the process ends.
  static EmulatedDevices* const devices = std::make_unique<EmulatedDevices>().release();
  if (!devices->addresses_) devices->reset({});
  return *devices;
}

void EmulatedDevices::reset(const EmulatedGpu& settings) {
  const std::lock_guard<FairMutex> lock(mutex_);
  settings_ = settings;
  if (!settings_.launcher) settings_.launcher = launch_of_engine;
  set_options(settings.options);
  devices_.clear();
  addresses_.reset();  // before the next: the checks watch one
  addresses_ = std::make_unique<DeviceAddresses>(settings.devices, settings.memory_bytes);
  for (int32_t i = 0; i < settings.devices; ++i)
    devices_.emplace_back(addresses_->of(i), settings.memory_bytes);
  for (const auto& [address, bytes] : pinned_) std::free(address);
  pinned_.clear();
  counters_ = {};
}

GpuCounters EmulatedDevices::counters() {
  const std::lock_guard<FairMutex> lock(mutex_);
  GpuCounters now = counters_;
  now.pinned_allocations = pinned_.size();
  for (const Device& device : devices_) {
    now.allocations += device.memory.allocations();
    now.taken_bytes += device.memory.taken();
    now.most_taken_bytes = std::max(now.most_taken_bytes, device.memory.most_taken());
  }
  return now;
}

void EmulatedDevices::count(int64_t GpuCounters::*what, int64_t change) {
  const std::lock_guard<FairMutex> lock(mutex_);
  counters_.*what += change;
}

int64_t EmulatedDevices::launches(int32_t device) {
  const std::lock_guard<FairMutex> lock(mutex_);
  return of(device).launches;
}

bool EmulatedDevices::lost(int32_t device) {
  const std::lock_guard<FairMutex> lock(mutex_);
  return of(device).lost;
}

GpuResult EmulatedDevices::fail(GpuResult result, const std::string& text) {
  problem = text;
  return result;
}

GpuResult EmulatedDevices::is_lost() { return fail(gpu_lost, "the device is lost"); }

GpuResult EmulatedDevices::take(int32_t device, uint64_t bytes, void** address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (of(device).lost) return is_lost();
  DeviceMemory& memory = of(device).memory;
  *address = memory.take(bytes);
  if (*address) return gpu_ok;
  return fail(gpu_no_memory, "no " + std::to_string(bytes) + " bytes are left of the device's " +
                                 std::to_string(memory.bytes()));
}

GpuResult EmulatedDevices::give(int32_t device, void* address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (!address || of(device).memory.give(address)) return of(device).lost ? is_lost() : gpu_ok;
  return fail(gpu_failed, "no memory of the device begins there");
}

GpuResult EmulatedDevices::take_pinned(int32_t device, uint64_t bytes, void** address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (of(device).lost) return is_lost();
  const uint64_t rounded = (bytes + pinned_alignment - 1) / pinned_alignment * pinned_alignment;
  *address = std::aligned_alloc(pinned_alignment, rounded);
  if (!*address) return fail(gpu_no_memory, "no memory of the host is left");
  std::memset(*address, 0xff, rounded);
  pinned_[*address] = bytes;
  counters_.pinned_bytes += bytes;
  counters_.most_pinned_bytes = std::max(counters_.most_pinned_bytes, counters_.pinned_bytes);
  return gpu_ok;
}

GpuResult EmulatedDevices::give_pinned(int32_t device, void* address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (!address) return gpu_ok;
  const auto pinned = pinned_.find(address);
  if (pinned == pinned_.end()) return fail(gpu_failed, "no pinned memory begins there");
  counters_.pinned_bytes -= pinned->second;
  std::memset(address, 0xff, pinned->second);
  std::free(address);
  pinned_.erase(pinned);
  return of(device).lost ? is_lost() : gpu_ok;
}

void EmulatedDevices::memory(int32_t device, uint64_t& free_bytes, uint64_t& total_bytes) {
  const std::lock_guard<FairMutex> lock(mutex_);
  total_bytes = of(device).memory.bytes();
  free_bytes = total_bytes - of(device).memory.taken();
}

GpuResult EmulatedDevices::begin_recording(EmulatedQueue& queue) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (of(queue.device).lost) return is_lost();
  if (queue.recording) return fail(gpu_failed, "the queue is recording already");
  queue.recording = true;
  queue.recorded.clear();
  return gpu_ok;
}

GpuResult EmulatedDevices::end_recording(EmulatedQueue& queue, EmulatedGraph& graph) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (!queue.recording) return fail(gpu_failed, "the queue is not recording");
  queue.recording = false;
  graph.commands = std::move(queue.recorded);
  queue.recorded.clear();
  return of(queue.device).lost ? is_lost() : gpu_ok;
}

GpuResult EmulatedDevices::ask(EmulatedQueue& queue, const Command& command) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (of(queue.device).lost) return is_lost();
  if (!queue.recording) return perform(queue.device, command);
  if (!may_be_recorded(command))
    return fail(gpu_failed, "asked for while a graph is recorded, which holds no such");
  queue.recorded.push_back(command);
  return gpu_ok;
}

GpuResult EmulatedDevices::perform(int32_t device, const Command& command) {
  switch (command.kind) {
    case Command::Kind::launch: return launch(device, command);
    case Command::Kind::graph: {
      ++counters_.graph_launches;
      for (const Command& recorded : reinterpret_cast<EmulatedGraph*>(command.graph)->commands)
        if (const GpuResult result = perform(device, recorded)) return result;
      return gpu_ok;
    }
    case Command::Kind::event: {
      auto* event = reinterpret_cast<EmulatedEvent*>(command.event);
      event->recorded = true;
      event->time = std::chrono::steady_clock::now();
      return gpu_ok;
    }
    case Command::Kind::copy_in:
    case Command::Kind::copy_out:
    case Command::Kind::copy_within:
    case Command::Kind::fill_zero: break;
  }
  return copy(of(device).memory, command);
}

GpuResult EmulatedDevices::copy(const DeviceMemory& memory, const Command& command) {
  ++counters_.copies;
  if (command.bytes == 0) return gpu_ok;
  const bool reads_device =
      command.kind == Command::Kind::copy_out || command.kind == Command::Kind::copy_within;
  if (command.kind != Command::Kind::copy_out && !memory.holds(command.to, command.bytes))
    return fail(gpu_failed, "a copy to where the device has no memory");
  if (reads_device && !memory.holds(command.from, command.bytes))
    return fail(gpu_failed, "a copy from where the device has no memory");
  if (command.kind == Command::Kind::fill_zero)
    std::memset(command.to, 0, command.bytes);
  else
    std::memmove(command.to, command.from, command.bytes);
  if (command.kind == Command::Kind::copy_within)
    mark_copied(command.to, command.from, command.bytes);
  else if (!reads_device)
    mark_written(command.to, command.bytes);
  return gpu_ok;
}

bool EmulatedDevices::is_of_another(int32_t device, const Command& launch) const {
  for (size_t at = 0; at + sizeof(uintptr_t) <= launch.arguments.size(); at += sizeof(uintptr_t)) {
    uintptr_t word;
    std::memcpy(&word, launch.arguments.data() + at, sizeof(word));
    for (size_t other = 0; other < devices_.size(); ++other)
      if (other != static_cast<size_t>(device) &&
          devices_[other].memory.holds(reinterpret_cast<void*>(word), 1))
        return true;
  }
  return false;
}

GpuResult EmulatedDevices::launch(int32_t device, const Command& command) {
  if (command.kernel >= 0 && command.kernel < ipa::gpu::kernel_count)
    ++counters_.launches[static_cast<size_t>(command.kernel)];
  ++of(device).launches;
  if (is_of_another(device, command)) return fail(gpu_failed, "a launch with memory of another device");
  last_launch();
  const int result = settings_.launcher(command.kernel, command.arguments.data(), command.arguments.size());
  if (result == launch_ok) return gpu_ok;
  if (result == launch_unknown)
    return fail(gpu_failed, "kernel " + std::to_string(command.kernel) + " does not take such arguments");
  const bool lost = result == launch_trapped;
  of(device).lost = of(device).lost || lost;
  return fail(lost ? gpu_lost : gpu_failed, launch_problem());
}

void reset_emulated_gpu(const EmulatedGpu& settings) { EmulatedDevices::instance().reset(settings); }
GpuCounters emulated_counters() { return EmulatedDevices::instance().counters(); }
int64_t emulated_launches(int32_t device) { return EmulatedDevices::instance().launches(device); }

}  // namespace cuda_emulator
