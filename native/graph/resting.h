// Weights that rest in the host's memory, and are on their device only for as long as somebody uses them.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "graph/memory.h"

namespace ipa {

// On their device for as long as it lives, which is not longer than what it came from.
using WeightsVisit = std::shared_ptr<void>;

class Resting {
 public:
  explicit Resting(const MemorySpace& device) : device_(device) {}

  // Takes what is in `place`, wherever that memory is, and puts it there for every visit. Not during one. `place` outlives
  // this. no_memory leaves it.
  Status take(Memory& place);
  // Brings all of them to the device, or finds them there. no_memory; others as of the device.
  Result<WeightsVisit> visit();
  // Of all of them.
  size_t bytes() const;

 private:
  struct Home {
    Memory* place;
    Memory data;
  };

  // All of them, or an error; mutex_ is held.
  Status bring();
  void clear();
  void leave();

  const MemorySpace& device_;
  std::vector<Home> homes_;
  std::mutex mutex_;
  int visitors_ = 0;
};

}  // namespace ipa
