// The memory of one call: an arena that its programs take turns in, and a count of all that the call holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/aligned_buffer.h"
#include "base/status.h"

namespace ipa {

// An arena kept from one call to the next: memory that a process has touched before costs nothing to get, fresh
// pages a good part of a second. One at a time, and no very large one, which would be a burden between calls.
class ArenaKeeper {
 public:
  // The kept one where it is large enough; else an empty buffer, and none is kept any more.
  AlignedBuffer take(size_t bytes);
  void give(AlignedBuffer arena);
  // Gives the kept one back to the system.
  void drop() { take(SIZE_MAX); }

 private:
  static constexpr size_t largest = size_t{512} << 20;
  std::mutex mutex_;
  AlignedBuffer kept_;
};

class Workspace {
 public:
  Workspace() = default;
  // `keeper` outlives it; null: none.
  explicit Workspace(ArenaKeeper* keeper) : keeper_(keeper) {}
  ~Workspace() {
    if (keeper_ && arena_) keeper_->give(std::move(arena_));
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // Makes the arena at least this large. It may move; what is in it counts only while one program runs.
  Status require(size_t bytes);
  uint8_t* arena() const { return arena_.data(); }
  // Counts memory that somebody else takes and gives back.
  void hold(size_t bytes);
  void drop(size_t bytes) { now_ -= bytes; }
  size_t peak() const { return peak_; }

 private:
  ArenaKeeper* keeper_ = nullptr;
  AlignedBuffer arena_;
  size_t arena_bytes_ = 0, now_ = 0, peak_ = 0;
};

// Counts bytes for as long as it lives.
class Held {
 public:
  Held(Workspace& workspace, size_t bytes) : workspace_(workspace), bytes_(bytes) { workspace_.hold(bytes_); }
  ~Held() { workspace_.drop(bytes_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  Workspace& workspace_;
  size_t bytes_;
};

}  // namespace ipa
