// The device behind emulated_api.h.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "command.h"
#include "device_memory.h"
#include "emulated_api.h"

namespace cuda_emulator {

struct EmulatedGraph {
  std::vector<Command> commands;
};

struct EmulatedQueue {
  bool recording = false;
  std::vector<Command> recorded;
};

struct EmulatedEvent {
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};

// Its functions may be called from any thread; one works at a time.
class EmulatedDevice {
 public:
  static EmulatedDevice& instance();

  void reset(const EmulatedGpu& settings);
  GpuCounters counters();

  GpuResult take(uint64_t bytes, void** address);
  GpuResult give(void* address);
  GpuResult take_pinned(uint64_t bytes, void** address);
  GpuResult give_pinned(void* address);
  void memory(uint64_t& free_bytes, uint64_t& total_bytes);

  // Does it, or records it where the queue is recording.
  GpuResult ask(EmulatedQueue& queue, const Command& command);
  GpuResult begin_recording(EmulatedQueue& queue);
  GpuResult end_recording(EmulatedQueue& queue, EmulatedGraph& graph);

  GpuResult fail(GpuResult result, const std::string& text);
  // Counts what is there of them.
  void count(int64_t GpuCounters::*what, int64_t change);
  bool lost();

 private:
  GpuResult perform(const Command& command);
  GpuResult copy(const Command& command);
  GpuResult launch(const Command& command);

  std::recursive_mutex mutex_;
  EmulatedGpu settings_;
  std::unique_ptr<DeviceMemory> memory_;
  std::map<void*, uint64_t> pinned_;
  GpuCounters counters_;
  bool lost_ = false;
};

// What the last call of this thread that failed had to say.
const std::string& last_problem();

}  // namespace cuda_emulator
