#include "allocation_counter.h"

#include <atomic>
#include <cstring>
#include <new>

#include "c_heap.h"

namespace {

std::atomic<int64_t> count{0};
std::atomic<int> poison{0};
// Of FailingAllocations; none fail while `fail_count` is 0.
std::atomic<int64_t> fail_first{0}, fail_count{0}, asked{0}, failures{0};

// Of SparedAllocations. In a thread's own memory: emulators of GPUs work in the thread that calls them.
thread_local int spared = 0;

bool fails() {
  if (spared > 0) return false;
  const int64_t refused = fail_count.load(std::memory_order_relaxed);
  if (refused == 0) return false;
  const int64_t behind = asked.fetch_add(1) - fail_first.load();
  if (behind < 0 || behind >= refused) return false;
  failures.fetch_add(1);
  return true;
}

std::atomic<bool> measures{false};
std::atomic<int64_t> live{0}, peak{0};

void add(int64_t bytes) {
  const int64_t now = live.fetch_add(bytes) + bytes;
  int64_t most = peak.load();
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
}

void* prepare(void* memory, size_t bytes, std::align_val_t alignment) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (memory && measures.load(std::memory_order_relaxed)) add(c_heap::size_of(memory, alignment));
  if (memory && poison.load(std::memory_order_relaxed) > 0) std::memset(memory, 0xff, bytes);
  return memory;
}

void* take(size_t bytes, std::align_val_t alignment = {}) {
  if (fails()) return nullptr;
  return prepare(c_heap::take(bytes ? bytes : 1, alignment), bytes, alignment);
}

void give_back(void* memory, std::align_val_t alignment = {}) {
  if (memory && measures.load(std::memory_order_relaxed)) add(-c_heap::size_of(memory, alignment));
  c_heap::give_back(memory, alignment);
}

void* or_throw(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

namespace ipa_test {
int64_t allocations() { return count.load(); }
PeakMemory::PeakMemory() {
  live = 0;
  peak = 0;
  measures = true;
}
PeakMemory::~PeakMemory() { measures = false; }
int64_t PeakMemory::bytes() const { return peak.load(); }
PoisonedMemory::PoisonedMemory() { ++poison; }
PoisonedMemory::~PoisonedMemory() { --poison; }
SparedAllocations::SparedAllocations() { ++spared; }
SparedAllocations::~SparedAllocations() { --spared; }

FailingAllocations::FailingAllocations(int64_t first, int64_t count) {
  fail_first = first;
  asked = failures = 0;
  fail_count = count;
}
FailingAllocations::~FailingAllocations() { fail_count = 0; }
int64_t FailingAllocations::failed() const { return failures.load(); }
}  // namespace ipa_test

// Every form is replaced: a library's own forms need not lead to these.
using std::align_val_t;
using std::nothrow_t;
void* operator new(size_t bytes) { return or_throw(take(bytes)); }
void* operator new[](size_t bytes) { return or_throw(take(bytes)); }
void* operator new(size_t bytes, const nothrow_t&) noexcept { return take(bytes); }
void* operator new[](size_t bytes, const nothrow_t&) noexcept { return take(bytes); }
void* operator new(size_t bytes, align_val_t alignment) { return or_throw(take(bytes, alignment)); }
void* operator new[](size_t bytes, align_val_t alignment) { return or_throw(take(bytes, alignment)); }
void* operator new(size_t bytes, align_val_t alignment, const nothrow_t&) noexcept {
  return take(bytes, alignment);
}
void* operator new[](size_t bytes, align_val_t alignment, const nothrow_t&) noexcept {
  return take(bytes, alignment);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const nothrow_t&) noexcept { give_back(memory); }
void operator delete(void* memory, align_val_t alignment) noexcept { give_back(memory, alignment); }
void operator delete[](void* memory, align_val_t alignment) noexcept { give_back(memory, alignment); }
void operator delete(void* memory, size_t, align_val_t alignment) noexcept { give_back(memory, alignment); }
void operator delete[](void* memory, size_t, align_val_t alignment) noexcept { give_back(memory, alignment); }
void operator delete(void* memory, align_val_t alignment, const nothrow_t&) noexcept {
  give_back(memory, alignment);
}
void operator delete[](void* memory, align_val_t alignment, const nothrow_t&) noexcept {
  give_back(memory, alignment);
}
