// Counts, poisons and refuses what the whole program takes from operator new,
// which allocation_counter.cc replaces for the tests.
#pragma once

#include <cstdint>

namespace ipa_test {

// Allocations so far, of every thread.
int64_t allocations();
// The most memory that was taken at once and not given back, while one lives;
// 0 where the system does not tell sizes. One at a time.
class PeakMemory {
 public:
  PeakMemory();
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;
  int64_t bytes() const;
};
// While one lives, new memory is filled with bytes that read as not-a-number.
class PoisonedMemory {
 public:
  PoisonedMemory();
  ~PoisonedMemory();
  PoisonedMemory(const PoisonedMemory&) = delete;
  PoisonedMemory& operator=(const PoisonedMemory&) = delete;
};

// While it lives, the allocations from number `first` on fail, `count` of them, of every thread.
class FailingAllocations {
 public:
  FailingAllocations(int64_t first, int64_t count);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;
  // How many have failed.
  int64_t failed() const;
};

// While one lives, no allocation of this thread fails on demand, and none is counted among those that may.
class SparedAllocations {
 public:
  SparedAllocations();
  ~SparedAllocations();
  SparedAllocations(const SparedAllocations&) = delete;
  SparedAllocations& operator=(const SparedAllocations&) = delete;
};

}  // namespace ipa_test
