// The machine's memory.
#pragma once

#include <cstdint>

namespace ipa {

struct SystemMemory {
  uint64_t total = 0, available = 0;  // bytes; 0 where the system does not tell
};
SystemMemory system_memory();

}  // namespace ipa
