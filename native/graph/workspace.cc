#include "graph/workspace.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ipa {
namespace {

bool smaller(const Memory& a, const Memory& b) { return a.bytes() < b.bytes(); }

}  // namespace

Memory ArenaKeeper::take(const MemorySpace& space, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto best = kept_.end(), most = kept_.end();
  for (auto arena = kept_.begin(); arena != kept_.end(); ++arena) {
    if (&arena->space() != &space) continue;
    if (most == kept_.end() || smaller(*most, *arena)) most = arena;
    if (arena->bytes() >= bytes && (best == kept_.end() || smaller(*arena, *best))) best = arena;
  }
  if (most == kept_.end()) return {};
  Memory taken;
  if (best != kept_.end()) taken = std::move(*best);
  // Where none suffices, the largest makes room for the one that will take its place.
  kept_.erase(best != kept_.end() ? best : most);
  return taken;
}

void ArenaKeeper::give(Memory arena) {
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    kept_.push_back(std::move(arena));
  } catch (...) {
    return;  // no memory even to remember it: it goes
  }
  if (users_ == 0) trim();
}

void ArenaKeeper::drop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  kept_.clear();
}

void ArenaKeeper::enter() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++users_;
}

void ArenaKeeper::leave() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--users_ == 0) trim();
}

// Takes no memory: it also runs where there is none.
void ArenaKeeper::trim() {
  std::sort(kept_.begin(), kept_.end(), [](const Memory& a, const Memory& b) { return smaller(b, a); });
  auto end = kept_.begin();
  for (Memory& arena : kept_) {
    const bool again =
        std::any_of(kept_.begin(), end, [&](const Memory& m) { return &m.space() == &arena.space(); });
    if (arena.bytes() > largest || again) continue;
    std::swap(*end, arena);
    ++end;
  }
  kept_.erase(end, kept_.end());
}

Workspace::Workspace(ArenaKeeper* keeper, Turn* turn) : keeper_(keeper ? *keeper : own_), turn_(turn) {
  keeper_.enter();
}

Workspace::~Workspace() {
  keeper_.leave();
  if (reserved_) turn_->release(reserved_);
}

Status Workspace::reserve(size_t bytes, const CancelFlag* cancel) {
  if (!turn_) return {};
  IPA_TRY(turn_->reserve(bytes, cancel));
  reserved_ = bytes;
  return {};
}

Status Workspace::require(const MemorySpace& space, size_t bytes) {
  size_t& most = arena_bytes_[&space];
  if (bytes <= most) return {};
  IPA_TRY(lease(space, bytes).status());
  hold(bytes - most);
  most = bytes;
  return {};
}

Result<ArenaLease> Workspace::lease(const MemorySpace& space, size_t bytes) {
  Memory arena = keeper_.take(space, bytes);
  if (!arena) arena = Memory(space, bytes);
  if (!arena) {
    // What others left may be all that is missing.
    keeper_.drop();
    arena = Memory(space, bytes);
  }
  if (!arena)
    return space.no_memory(bytes, "out of memory: " + std::to_string(bytes >> 20) +
                                      " MB of working memory cannot be had, use a smaller picture");
  return ArenaLease(keeper_, std::move(arena));
}

void Workspace::hold(size_t bytes) {
  now_ += bytes;
  peak_ = std::max(peak_, now_);
}

}  // namespace ipa
