#include "fake_gpu.h"

#include <algorithm>
#include <cstring>

#include "emulated_api.h"

namespace cuda_emulator {
namespace {

constexpr int poison_byte = 0xff;

thread_local std::string problem;

std::string described_by(const GpuApi& api) {
  char text[512] = "";
  api.describe(text, sizeof(text));
  return text;
}

const std::vector<Command>& commands_of(const GpuGraph* graph) {
  return reinterpret_cast<const FakeGraph*>(graph)->commands;
}

// Whether the command reads or writes there. Of the arguments of a kernel, each word may be an address.
bool uses(const Command& command, const Span& span) {
  if (command.kind == Command::Kind::graph) {
    const auto& commands = commands_of(command.graph);
    return std::any_of(commands.begin(), commands.end(), [&](const Command& each) { return uses(each, span); });
  }
  for (size_t at = 0; at + sizeof(uintptr_t) <= command.arguments.size(); at += sizeof(uintptr_t)) {
    uintptr_t word;
    std::memcpy(&word, command.arguments.data() + at, sizeof(word));
    if (span.has(word)) return true;
  }
  return (command.to && span_of(command.to, command.bytes).meets(span)) ||
         (command.from && span_of(command.from, command.bytes).meets(span));
}

}  // namespace

const std::string& fake_problem() { return problem; }

FakeDevice& FakeDevice::instance() {
  static FakeDevice device;
  if (!device.settings_.device) device.reset({});
  return device;
}

void FakeDevice::reset(const FakeGpu& settings) {
  const std::lock_guard<FairMutex> lock(mutex_);
  settings_ = settings;
  if (!settings_.device) settings_.device = emulated_api();
  random_.seed(settings.seed);
  counters_ = {};
  findings_.clear();
  queues_.clear();
  device_ = {};
  pinned_ = {};
  lost_.clear();
}

void FakeDevice::set_faults(const std::vector<Fault>& faults, int64_t lost_from) {
  const std::lock_guard<FairMutex> lock(mutex_);
  settings_.faults = faults;
  settings_.lost_from = lost_from;
  counters_ = {};
}

FakeCounters FakeDevice::counters() {
  const std::lock_guard<FairMutex> lock(mutex_);
  return counters_;
}

std::vector<std::string> FakeDevice::findings() {
  const std::lock_guard<FairMutex> lock(mutex_);
  return findings_;
}

// Each text once: the same is looked for when work is asked for and when it is done.
void FakeDevice::find(const std::string& text) {
  if (std::find(findings_.begin(), findings_.end(), text) == findings_.end()) findings_.push_back(text);
}

GpuResult FakeDevice::fail(GpuResult result, const std::string& text) {
  problem = text;
  return result;
}

void FakeDevice::lose(int32_t device) {
  for (FakeQueue* queue : queues_) {
    if (settings_.faulty >= 0 && queue->device != device) continue;
    lost_.insert(queue->device);
    queue->waiting.clear();
  }
  lost_.insert(device);
  free_unused_graphs();
}

bool FakeDevice::lost(int32_t device) const { return lost_.count(device) > 0; }

GpuResult FakeDevice::fault_of(Call call, int32_t device) {
  if (settings_.faulty >= 0 && settings_.faulty != device) return gpu_ok;
  const int64_t number = ++counters_.calls[static_cast<size_t>(call)];
  if (++counters_.all_calls == settings_.lost_from) lose(device);
  for (const Fault& fault : settings_.faults) {
    if (lost(device) || fault.call != call || fault.number != number) continue;
    if (fault.result == gpu_lost) lose(device);
    return fail(fault.result, "a fault that was asked for");
  }
  return gpu_ok;
}

GpuResult FakeDevice::begin_call(Call call, int32_t device) {
  problem.clear();
  if (const GpuResult result = fault_of(call, device)) return result;
  if (lost(device)) return fail(gpu_lost, "the device is lost");
  if (settings_.pace == Pace::random)
    while (random_() % 3 == 0 && do_one()) {
    }
  return gpu_ok;
}

void FakeDevice::find_illegal_copy(const Command& command) {
  const Span to = span_of(command.to, command.bytes), from = span_of(command.from, command.bytes);
  const bool in = command.kind == Command::Kind::copy_in, out = command.kind == Command::Kind::copy_out;
  if (in && !pinned_.holds(from)) find("a copy from memory of the host that is not pinned");
  if (out && !pinned_.holds(to)) find("a copy to memory of the host that is not pinned");
  if (!out && !device_.holds(to)) find("a copy or fill to where no memory of the device is taken");
  if (!in && command.from && !device_.holds(from)) find("a copy from where no memory of the device is taken");
}

void FakeDevice::find_illegal(const Command& command) {
  switch (command.kind) {
    case Command::Kind::graph:
      for (const Command& each : commands_of(command.graph)) find_illegal(each);
      return;
    case Command::Kind::launch:
      for (size_t at = 0; at + sizeof(uintptr_t) <= command.arguments.size(); at += sizeof(uintptr_t)) {
        uintptr_t word;
        std::memcpy(&word, command.arguments.data() + at, sizeof(word));
        if (device_.was_given(word))
          find("a launch of kernel " + std::to_string(command.kernel) + " with memory that was given back");
        if (pinned_.holds({word, word + 1}))
          find("a launch of kernel " + std::to_string(command.kernel) + " with memory of the host");
      }
      return;
    case Command::Kind::event: return;
    case Command::Kind::copy_in:
    case Command::Kind::copy_out:
    case Command::Kind::copy_within:
    case Command::Kind::fill_zero:
      if (command.bytes > 0) find_illegal_copy(command);
  }
}

void FakeDevice::find_unwaited(const FakeQueue& queue, const Span& span, const char* what) {
  for (const FakeQueue* other : queues_)
    for (const Command& command : other->waiting)
      if (other != &queue && uses(command, span)) return find(what);
}

// The bytes are nobody's until the copy is done; unless something before it reads them.
void FakeDevice::poison(const Command& copy_out) {
  const Span to = span_of(copy_out.to, copy_out.bytes);
  if (!pinned_.holds(to)) return;
  for (const FakeQueue* queue : queues_)
    for (const Command& command : queue->waiting)
      if (uses(command, to)) return;
  std::memset(copy_out.to, poison_byte, copy_out.bytes);
}

GpuResult FakeDevice::perform(FakeQueue& queue, const Command& command) {
  const GpuApi& api = real();
  GpuQueue* to = queue.real;
  switch (command.kind) {
    case Command::Kind::copy_in: return api.copy_in(to, command.to, command.from, command.bytes);
    case Command::Kind::copy_out: return api.copy_out(to, command.to, command.from, command.bytes);
    case Command::Kind::copy_within: return api.copy_within(to, command.to, command.from, command.bytes);
    case Command::Kind::fill_zero: return api.fill_zero(to, command.to, command.bytes);
    case Command::Kind::launch:
      return api.launch(to, command.kernel, command.arguments.data(), command.arguments.size());
    case Command::Kind::graph: return api.graph_launch(to, reinterpret_cast<FakeGraph*>(command.graph)->real);
    case Command::Kind::event: return api.event_record(to, reinterpret_cast<FakeEvent*>(command.event)->real);
  }
  return gpu_failed;
}

void FakeDevice::do_next_of(FakeQueue& queue) {
  const Command command = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  find_illegal(command);
  const GpuResult result = perform(queue, command);
  if (command.kind == Command::Kind::event) --reinterpret_cast<FakeEvent*>(command.event)->waiting;
  if (command.kind == Command::Kind::graph) free_unused_graphs();
  if (result == gpu_ok) return;
  if (queue.failed == gpu_ok) queue.failed = result;
  if (result == gpu_lost) lose(queue.device);
  find("queued work failed: " + described_by(real()));
}

bool FakeDevice::do_one() {
  std::vector<FakeQueue*> busy;
  for (FakeQueue* queue : queues_)
    if (!queue->waiting.empty()) busy.push_back(queue);
  if (busy.empty()) return false;
  do_next_of(*busy[random_() % busy.size()]);
  return true;
}

void FakeDevice::do_all_of(FakeQueue& queue) {
  while (!queue.waiting.empty()) settings_.pace == Pace::random ? void(do_one()) : do_next_of(queue);
}

GpuResult FakeDevice::open(int32_t index, GpuQueue** queue) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(Call::open, index)) return result;
  auto opened = std::make_unique<FakeQueue>();
  opened->device = index;
  if (const GpuResult result = real().open(index, &opened->real)) return result;
  queues_.push_back(opened.get());
  *queue = reinterpret_cast<GpuQueue*>(opened.release());
  return gpu_ok;
}

void FakeDevice::close(FakeQueue& queue) {
  const std::lock_guard<FairMutex> lock(mutex_);
  do_all_of(queue);
  const size_t left = device_.count(&queue), left_pinned = pinned_.count(&queue);
  if (left + left_pinned > 0)
    find("a queue closed with " + std::to_string(left) + " allocations of the device and " +
         std::to_string(left_pinned) + " of the host not given back");
  queues_.erase(std::find(queues_.begin(), queues_.end(), &queue));
  real().close(queue.real);
  delete &queue;
}

GpuResult FakeDevice::memory(FakeQueue& queue, uint64_t* free_bytes, uint64_t* total_bytes) {
  const std::lock_guard<FairMutex> lock(mutex_);
  problem.clear();
  if (lost(queue.device)) return fail(gpu_lost, "the device is lost");
  return real().memory(queue.real, free_bytes, total_bytes);
}

GpuResult FakeDevice::take(FakeQueue& queue, bool pinned, uint64_t bytes, void** address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(pinned ? Call::take_pinned : Call::take, queue.device)) return result;
  const auto call = pinned ? real().take_pinned : real().take;
  if (const GpuResult result = call(queue.real, bytes, address)) return result;
  (pinned ? pinned_ : device_).take(span_of(*address, bytes), &queue);
  return gpu_ok;
}

// Memory goes back even where the call fails because the device is lost: there is no other call that would.
GpuResult FakeDevice::give(FakeQueue& queue, bool pinned, void* address) {
  const std::lock_guard<FairMutex> lock(mutex_);
  const GpuResult begun = begin_call(Call::give, queue.device);
  if (begun != gpu_ok && begun != gpu_lost) return begun;
  if (!address) return begun;
  do_all_of(queue);
  Ledger& ledger = pinned ? pinned_ : device_;
  find_unwaited(queue, ledger.find(address), "memory given back that another queue's work still uses");
  if (ledger.give(address).end == 0) find("memory given back that was not taken");
  const GpuResult given = (pinned ? real().give_pinned : real().give)(queue.real, address);
  return begun != gpu_ok ? begun : given;
}

GpuResult FakeDevice::ask(FakeQueue& queue, Call call, const Command& command) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(call, queue.device)) return result;
  if (queue.recording) {
    if (!may_be_recorded(command))
      return fail(gpu_failed, "asked for while a graph is recorded, which holds no such");
    queue.recorded.push_back(command);
    return gpu_ok;
  }
  find_illegal(command);
  if (command.kind == Command::Kind::copy_out) poison(command);
  if (command.kind == Command::Kind::event) {
    auto& event = *reinterpret_cast<FakeEvent*>(command.event);
    ++event.waiting;
    event.queue = &queue;
    event.waited = false;
  }
  queue.waiting.push_back(command);
  if (settings_.pace == Pace::at_once) do_all_of(queue);
  return gpu_ok;
}

}  // namespace cuda_emulator
