// A picture that someone else holds.
#pragma once

#include <atomic>
#include <cstdint>

namespace ipa {

// 3 * width * height bytes, rows from the top.
struct RgbView {
  const uint8_t* data = nullptr;
  int64_t width = 0, height = 0;
  int64_t pixels() const { return width * height; }
};

// Raised by another thread to stop the work; may be null.
using StopFlag = const std::atomic<bool>*;
inline bool stopped(StopFlag stop) { return stop && stop->load(std::memory_order_relaxed); }

}  // namespace ipa
