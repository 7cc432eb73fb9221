// The devices behind fake_api.h.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <set>

#include "command.h"
#include "fair_mutex.h"
#include "fake_api.h"
#include "ledger.h"

namespace cuda_emulator {

struct FakeQueue {
  GpuQueue* real = nullptr;
  int32_t device = 0;
  std::deque<Command> waiting;
  bool recording = false;
  std::vector<Command> recorded;
  GpuResult failed = gpu_ok;  // what a command came to, for the next that waits
};

struct FakeGraph {
  GpuGraph* real = nullptr;
  std::vector<Command> commands;
};

struct FakeEvent {
  GpuEvent* real = nullptr;
  int32_t device = 0;
  FakeQueue* queue = nullptr;  // that it was last recorded in
  int waiting = 0;             // records that have not been done
  bool waited = false;         // for the last record
};

// Its functions may be called from any thread; one works at a time. Each is what the function of GpuApi of that name does.
class FakeDevice {
 public:
  static FakeDevice& instance();

  void reset(const FakeGpu& settings);
  void set_faults(const std::vector<Fault>& faults, int64_t lost_from);
  const FakeGpu& settings() const { return settings_; }
  const GpuApi& real() const { return *settings_.device; }
  FakeCounters counters();
  std::vector<std::string> findings();

  GpuResult open(int32_t index, GpuQueue** queue);
  void close(FakeQueue& queue);
  GpuResult memory(FakeQueue& queue, uint64_t* free_bytes, uint64_t* total_bytes);
  GpuResult take(FakeQueue& queue, bool pinned, uint64_t bytes, void** address);
  GpuResult give(FakeQueue& queue, bool pinned, void* address);
  GpuResult ask(FakeQueue& queue, Call call, const Command& command);
  GpuResult graph_begin(FakeQueue& queue);
  GpuResult graph_end(FakeQueue& queue, GpuGraph** graph);
  void graph_free(FakeGraph* graph);
  GpuResult event_create(FakeQueue& queue, GpuEvent** event);
  void event_free(FakeEvent* event);
  GpuResult event_wait(FakeEvent& event);
  GpuResult event_seconds(FakeEvent& from, FakeEvent& to, double* seconds);

  GpuResult fail(GpuResult result, const std::string& text);

 private:
  // Counts a call on a device. Anything but gpu_ok: it fails on demand. Also a chance for queued work to be done.
  GpuResult begin_call(Call call, int32_t device);
  GpuResult fault_of(Call call, int32_t device);
  void find(const std::string& text);
  void find_illegal(const Command& command);
  void find_illegal_copy(const Command& command);
  void find_unwaited(const FakeQueue& queue, const Span& span, const char* what);
  void poison(const Command& copy_out);

  bool do_one();
  void do_next_of(FakeQueue& queue);
  void do_all_of(FakeQueue& queue);
  // Those of which no launch is queued any more.
  void free_unused_graphs();
  GpuResult perform(FakeQueue& queue, const Command& command);
  void lose(int32_t device);
  bool lost(int32_t device) const;

  FairMutex mutex_;
  FakeGpu settings_;
  std::mt19937 random_;
  FakeCounters counters_;
  std::vector<std::string> findings_;
  std::vector<FakeQueue*> queues_;
  std::vector<FakeGraph*> freed_graphs_;
  Ledger device_, pinned_;
  std::set<int32_t> lost_;  // devices
};

// What the last failed call of this thread had to say, unless that was the device behind.
const std::string& fake_problem();

}  // namespace cuda_emulator
