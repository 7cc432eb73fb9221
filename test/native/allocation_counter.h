// Counts what the whole program takes from operator new, which allocation_counter.cc replaces for the tests.
#pragma once

#include <cstdint>

namespace ipa_test {

// Allocations so far, of every thread.
int64_t allocations();
// While one lives, new memory is filled with bytes that read as not-a-number.
class PoisonedMemory {
 public:
  PoisonedMemory();
  ~PoisonedMemory();
  PoisonedMemory(const PoisonedMemory&) = delete;
  PoisonedMemory& operator=(const PoisonedMemory&) = delete;
};

}  // namespace ipa_test
