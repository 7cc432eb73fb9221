// A GpuApi in front of another one, for faults of the engine's side rather than of kernels.
//
// It keeps what a queue is asked to do and does it later, in any order that is legal: in order within a queue, and otherwise as
// the seed has it among queues and against the host. All of a queue is done when an event behind it has been waited for, when
// memory is given back, and at close. Pinned memory is read and written only then: what the host changes or frees too early,
// or reads without waiting, shows as wrong bytes. What is illegal whatever the order is a finding. Calls fail on demand.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/api/gpu_api.h"

namespace cuda_emulator {

// Kinds of calls, as faults count them. Those in brackets are of one kind.
enum class Call : int32_t {
  open,
  take,
  take_pinned,
  give,  // [give, give_pinned]
  copy,  // [copy_in, copy_out, copy_within, fill_zero]
  launch,
  graph,  // [graph_begin, graph_end, graph_launch]
  event_create,
  event,  // [event_record, event_wait, event_seconds]
};
constexpr size_t call_kinds = 9;

// The call of that number, from 1 on, fails with `result` and does nothing. gpu_lost: all later calls do, too.
struct Fault {
  Call call = Call::take;
  int64_t number = 0;
  GpuResult result = gpu_failed;
};

// When what was asked for is done: as late as is legal, at once, or now and then.
enum class Pace { late, at_once, random };

struct FakeGpu {
  const GpuApi* device = nullptr;  // what is behind it; null: emulated_api()
  Pace pace = Pace::random;
  uint32_t seed = 1;
  std::vector<Fault> faults;
  // The number of a call, of all kinds together, from which on the device is lost; 0: none.
  int64_t lost_from = 0;
  // The device whose calls are counted, fail and lose it; -1: all, which are lost together.
  int32_t faulty = -1;
  GpuVersions versions{13000, 13000};
  int32_t devices = 1;
  bool old_architecture = false;
};

// No queue may be open.
void reset_fake_gpu(const FakeGpu& settings = {});
// Counts from 0 again, with other faults. Queues may be open.
void set_fake_faults(const std::vector<Fault>& faults, int64_t lost_from = 0);

const GpuApi* fake_api();

struct FakeCounters {
  std::array<int64_t, call_kinds> calls{};
  int64_t all_calls = 0;
};
FakeCounters fake_counters();
// What was illegal, since the last reset.
std::vector<std::string> fake_findings();

}  // namespace cuda_emulator
