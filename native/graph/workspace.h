// The memory of one call: arenas that its programs borrow while they run, and a count of all that the call holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "graph/turn.h"

namespace ipa {

// Arenas that nobody uses now: memory that a process has touched before costs nothing to get, fresh pages a good part
// of a second. While workspaces use it, it keeps what they borrow in turn; between calls one, and no very large one,
// which would be a burden.
class ArenaKeeper {
 public:
  // The smallest that is large enough; else an empty buffer, and the largest of the others is freed.
  AlignedBuffer take(size_t bytes);
  void give(AlignedBuffer arena);
  // Gives all back to the system.
  void drop();
  // A workspace that begins and ends to use it.
  void enter();
  void leave();

 private:
  static constexpr size_t largest = size_t{512} << 20;
  void trim();

  std::mutex mutex_;
  std::vector<AlignedBuffer> kept_;
  int users_ = 0;
};

// An arena for as long as this lives. What is in it counts only that long.
class ArenaLease {
 public:
  ArenaLease() = default;
  ArenaLease(ArenaKeeper& keeper, AlignedBuffer arena) : keeper_(&keeper), arena_(std::move(arena)) {}
  ArenaLease(ArenaLease&&) = default;
  ArenaLease& operator=(ArenaLease&&) = delete;
  ~ArenaLease() {
    if (arena_) keeper_->give(std::move(arena_));
  }
  uint8_t* data() const { return arena_.data(); }

 private:
  ArenaKeeper* keeper_ = nullptr;
  AlignedBuffer arena_;
};

class Workspace {
 public:
  Workspace() : Workspace(nullptr) {}
  // `keeper` and `turn` outlive it. Without a keeper its arenas are its own; without a turn its programs run at once.
  explicit Workspace(ArenaKeeper* keeper, Turn* turn = nullptr);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  Turn* turn() const { return turn_; }
  // Waits until the engine has room for as much. Once.
  Status reserve(size_t bytes, const CancelFlag* cancel);
  // Makes sure that an arena this large can be had, and counts it.
  Status require(size_t bytes);
  // After require() of as much.
  Result<ArenaLease> lease(size_t bytes);
  // Counts memory that somebody else takes and gives back.
  void hold(size_t bytes);
  void drop(size_t bytes) { now_ -= bytes; }
  size_t peak() const { return peak_; }

 private:
  ArenaKeeper own_;
  ArenaKeeper& keeper_;
  Turn* turn_ = nullptr;
  size_t reserved_ = 0, arena_bytes_ = 0, now_ = 0, peak_ = 0;
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
