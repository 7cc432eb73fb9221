// Memory for a bound value that no program has: what several programs read alike.
#pragma once

#include <vector>

#include "base/status.h"
#include "graph/memory.h"

namespace ipa {

class BoundMemory {
 public:
  // Of as many values as before, it is the same memory. no_memory.
  Status set(const MemorySpace& space, const std::vector<float>& values) {
    const size_t bytes = values.size() * sizeof(float);
    if (!memory_ || memory_.bytes() != bytes) memory_ = Memory(space, bytes);
    if (!memory_) return space.no_memory(bytes, "out of memory for the inputs of a network");
    view().write(0, values.data(), bytes);
    return {};
  }
  BoundView view() const { return memory_.view(); }
  // `count` of its floats from `first` on.
  BoundView floats(size_t first, size_t count) const {
    return view().part(first * sizeof(float), count * sizeof(float));
  }

 private:
  Memory memory_;
};

}  // namespace ipa
