// The machine's memory.
#pragma once

#include <cstdint>

namespace ipa {

struct SystemMemory {
  uint64_t total = 0, available = 0;  // bytes; 0 where the system does not tell
  uint64_t limit = 0;                 // total, or what the process's control group may have if that is less
};
SystemMemory system_memory();

}  // namespace ipa
