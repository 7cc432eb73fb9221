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

EmulatedDevice& EmulatedDevice::instance() {
  static EmulatedDevice device;
  if (!device.memory_) device.reset({});
  return device;
}

void EmulatedDevice::reset(const EmulatedGpu& settings) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  settings_ = settings;
  if (!settings_.launcher) settings_.launcher = launch_of_engine;
  set_options(settings.options);
  memory_.reset();  // before the next: the checks watch one
  memory_ = std::make_unique<DeviceMemory>(settings.memory_bytes);
  for (const auto& [address, bytes] : pinned_) std::free(address);
  pinned_.clear();
  counters_ = {};
  lost_ = false;
}

GpuCounters EmulatedDevice::counters() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  GpuCounters now = counters_;
  now.allocations = memory_->allocations();
  now.pinned_allocations = pinned_.size();
  now.taken_bytes = memory_->taken();
  now.most_taken_bytes = memory_->most_taken();
  return now;
}

void EmulatedDevice::count(int64_t GpuCounters::*what, int64_t change) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  counters_.*what += change;
}

bool EmulatedDevice::lost() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return lost_;
}

GpuResult EmulatedDevice::fail(GpuResult result, const std::string& text) {
  problem = text;
  return result;
}

GpuResult EmulatedDevice::take(uint64_t bytes, void** address) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (lost_) return fail(gpu_lost, "the device is lost");
  *address = memory_->take(bytes);
  if (*address) return gpu_ok;
  return fail(gpu_no_memory, "no " + std::to_string(bytes) + " bytes are left of the device's " +
                                 std::to_string(memory_->bytes()));
}

GpuResult EmulatedDevice::give(void* address) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (!address || memory_->give(address)) return lost_ ? fail(gpu_lost, "the device is lost") : gpu_ok;
  return fail(gpu_failed, "no memory of the device begins there");
}

GpuResult EmulatedDevice::take_pinned(uint64_t bytes, void** address) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (lost_) return fail(gpu_lost, "the device is lost");
  const uint64_t rounded = (bytes + pinned_alignment - 1) / pinned_alignment * pinned_alignment;
  *address = std::aligned_alloc(pinned_alignment, rounded);
  if (!*address) return fail(gpu_no_memory, "no memory of the host is left");
  std::memset(*address, 0xff, rounded);
  pinned_[*address] = bytes;
  counters_.pinned_bytes += bytes;
  counters_.most_pinned_bytes = std::max(counters_.most_pinned_bytes, counters_.pinned_bytes);
  return gpu_ok;
}

GpuResult EmulatedDevice::give_pinned(void* address) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (!address) return gpu_ok;
  const auto pinned = pinned_.find(address);
  if (pinned == pinned_.end()) return fail(gpu_failed, "no pinned memory begins there");
  counters_.pinned_bytes -= pinned->second;
  std::memset(address, 0xff, pinned->second);
  std::free(address);
  pinned_.erase(pinned);
  return lost_ ? fail(gpu_lost, "the device is lost") : gpu_ok;
}

void EmulatedDevice::memory(uint64_t& free_bytes, uint64_t& total_bytes) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  total_bytes = memory_->bytes();
  free_bytes = total_bytes - memory_->taken();
}

GpuResult EmulatedDevice::begin_recording(EmulatedQueue& queue) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (lost_) return fail(gpu_lost, "the device is lost");
  if (queue.recording) return fail(gpu_failed, "the queue is recording already");
  queue.recording = true;
  queue.recorded.clear();
  return gpu_ok;
}

GpuResult EmulatedDevice::end_recording(EmulatedQueue& queue, EmulatedGraph& graph) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (!queue.recording) return fail(gpu_failed, "the queue is not recording");
  queue.recording = false;
  graph.commands = std::move(queue.recorded);
  queue.recorded.clear();
  return lost_ ? fail(gpu_lost, "the device is lost") : gpu_ok;
}

GpuResult EmulatedDevice::ask(EmulatedQueue& queue, const Command& command) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (lost_) return fail(gpu_lost, "the device is lost");
  if (!queue.recording) return perform(command);
  if (command.kind == Command::Kind::graph)
    return fail(gpu_failed, "a graph launched while another is recorded");
  queue.recorded.push_back(command);
  return gpu_ok;
}

GpuResult EmulatedDevice::perform(const Command& command) {
  switch (command.kind) {
    case Command::Kind::launch: return launch(command);
    case Command::Kind::graph: {
      ++counters_.graph_launches;
      for (const Command& recorded : reinterpret_cast<EmulatedGraph*>(command.graph)->commands)
        if (const GpuResult result = perform(recorded)) return result;
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
  return copy(command);
}

GpuResult EmulatedDevice::copy(const Command& command) {
  ++counters_.copies;
  if (command.bytes == 0) return gpu_ok;
  const bool reads_device =
      command.kind == Command::Kind::copy_out || command.kind == Command::Kind::copy_within;
  if (command.kind != Command::Kind::copy_out && !memory_->holds(command.to, command.bytes))
    return fail(gpu_failed, "a copy to where the device has no memory");
  if (reads_device && !memory_->holds(command.from, command.bytes))
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

GpuResult EmulatedDevice::launch(const Command& command) {
  if (command.kernel >= 0 && command.kernel < ipa::gpu::kernel_count)
    ++counters_.launches[static_cast<size_t>(command.kernel)];
  last_launch();
  const int result = settings_.launcher(command.kernel, command.arguments.data(), command.arguments.size());
  if (result == launch_ok) return gpu_ok;
  if (result == launch_unknown)
    return fail(gpu_failed, "kernel " + std::to_string(command.kernel) + " does not take such arguments");
  lost_ = result == launch_trapped;
  return fail(lost_ ? gpu_lost : gpu_failed, launch_problem());
}

void reset_emulated_gpu(const EmulatedGpu& settings) { EmulatedDevice::instance().reset(settings); }
GpuCounters emulated_counters() { return EmulatedDevice::instance().counters(); }

}  // namespace cuda_emulator
