// Windows of controls and image prompts: shares of a picture's model calls.
#pragma once

#include <cstddef>

namespace ipa {

// Whether the window is open in call `i` of `calls` (diffusers' rule for ControlNets).
inline bool in_window(double start, double end, size_t i, size_t calls) {
  const auto count = static_cast<double>(calls);
  return !(static_cast<double>(i) / count < start || static_cast<double>(i + 1) / count > end);
}

}  // namespace ipa
