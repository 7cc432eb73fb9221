// The memory of one call: arenas that its programs borrow while they run, and a count of all that the call holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "graph/memory.h"
#include "graph/turn.h"

namespace ipa {

// Arenas that nobody uses now: memory that a process has touched before costs nothing to get, fresh pages a good part
// of a second. While workspaces use it, it keeps what they borrow in turn; between calls one of each space, and no
// very large one, which would be a burden.
class ArenaKeeper {
 public:
  // Of this space the smallest that is large enough; else an empty one, and the largest of the others is freed.
  Memory take(const MemorySpace& space, size_t bytes);
  void give(Memory arena);
  // Gives all back to the system.
  void drop();
  // A workspace that begins and ends to use it.
  void enter();
  void leave();

 private:
  static constexpr size_t largest = size_t{512} << 20;
  void trim();

  std::mutex mutex_;
  std::vector<Memory> kept_;
  int users_ = 0;
};

// An arena for as long as this lives. What is in it counts only that long.
class ArenaLease {
 public:
  ArenaLease() = default;
  ArenaLease(ArenaKeeper& keeper, Memory arena) : keeper_(&keeper), arena_(std::move(arena)) {}
  ArenaLease(ArenaLease&&) = default;
  ArenaLease& operator=(ArenaLease&&) = delete;
  ~ArenaLease() {
    if (arena_) keeper_->give(std::move(arena_));
  }
  uint8_t* address() const { return arena_.address(); }

 private:
  ArenaKeeper* keeper_ = nullptr;
  Memory arena_;
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
  // Makes sure that an arena this large can be had, and counts it: of each space the largest.
  Status require(const MemorySpace& space, size_t bytes);
  // After require() of as much.
  Result<ArenaLease> lease(const MemorySpace& space, size_t bytes);
  // Counts memory that somebody else takes and gives back.
  void hold(size_t bytes);
  void drop(size_t bytes) { now_ -= bytes; }
  size_t peak() const { return peak_; }

 private:
  ArenaKeeper own_;
  ArenaKeeper& keeper_;
  Turn* turn_ = nullptr;
  std::map<const MemorySpace*, size_t> arena_bytes_;
  size_t reserved_ = 0, now_ = 0, peak_ = 0;
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
