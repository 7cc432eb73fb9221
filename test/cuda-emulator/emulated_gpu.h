// The devices behind emulated_api.h.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "device_memory.h"
#include "emulated_api.h"
#include "fair_mutex.h"

namespace cuda_emulator {

struct EmulatedGraph {
  std::vector<Command> commands;
};

struct EmulatedQueue {
  int32_t device = 0;
  bool recording = false;
  std::vector<Command> recorded;
};

struct EmulatedEvent {
  int32_t device = 0;
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};

// All of them. Its functions may be called from any thread; one works at a time.
class EmulatedDevices {
 public:
  static EmulatedDevices& instance();

  void reset(const EmulatedGpu& settings);
  GpuCounters counters();
  int32_t device_count() const { return settings_.devices; }
  int64_t launches(int32_t device);

  GpuResult take(int32_t device, uint64_t bytes, void** address);
  GpuResult give(int32_t device, void* address);
  GpuResult take_pinned(int32_t device, uint64_t bytes, void** address);
  GpuResult give_pinned(int32_t device, void* address);
  void memory(int32_t device, uint64_t& free_bytes, uint64_t& total_bytes);

  // Does it, or records it where the queue is recording.
  GpuResult ask(EmulatedQueue& queue, const Command& command);
  GpuResult begin_recording(EmulatedQueue& queue);
  GpuResult end_recording(EmulatedQueue& queue, EmulatedGraph& graph);

  GpuResult fail(GpuResult result, const std::string& text);
  // Counts what is there of them.
  void count(int64_t GpuCounters::*what, int64_t change);
  bool lost(int32_t device);

 private:
  struct Device {
    Device(uint8_t* base, uint64_t bytes) : memory(base, bytes) {}
    DeviceMemory memory;
    int64_t launches = 0;
    bool lost = false;
  };
  Device& of(int32_t device) { return devices_[static_cast<size_t>(device)]; }
  GpuResult is_lost();
  // Whether the arguments of a launch have an address of another device.
  bool is_of_another(int32_t device, const Command& launch) const;
  GpuResult perform(int32_t device, const Command& command);
  GpuResult copy(const DeviceMemory& memory, const Command& command);
  GpuResult launch(int32_t device, const Command& command);

  FairMutex mutex_;
  EmulatedGpu settings_;
  std::unique_ptr<DeviceAddresses> addresses_;
  std::vector<Device> devices_;
  std::map<void*, uint64_t> pinned_;
  GpuCounters counters_;
};

// What the last call of this thread that failed had to say.
const std::string& last_problem();

}  // namespace cuda_emulator
