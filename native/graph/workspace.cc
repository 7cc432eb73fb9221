#include "graph/workspace.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ipa {
namespace {

bool smaller(const AlignedBuffer& a, const AlignedBuffer& b) { return a.bytes() < b.bytes(); }

}  // namespace

AlignedBuffer ArenaKeeper::take(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto best = kept_.end(), most = std::max_element(kept_.begin(), kept_.end(), smaller);
  for (auto arena = kept_.begin(); arena != kept_.end(); ++arena)
    if (arena->bytes() >= bytes && (best == kept_.end() || smaller(*arena, *best))) best = arena;
  if (most == kept_.end()) return {};
  AlignedBuffer taken;
  if (best != kept_.end()) taken = std::move(*best);
  // Where none suffices, the largest makes room for the one that will take its place.
  kept_.erase(best != kept_.end() ? best : most);
  return taken;
}

void ArenaKeeper::give(AlignedBuffer arena) {
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

void ArenaKeeper::trim() {
  AlignedBuffer best;
  for (AlignedBuffer& arena : kept_)
    if (arena.bytes() <= largest && arena.bytes() > best.bytes()) best = std::move(arena);
  kept_.clear();
  if (best) kept_.push_back(std::move(best));
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

Status Workspace::require(size_t bytes) {
  if (bytes <= arena_bytes_) return {};
  IPA_TRY(lease(bytes).status());
  hold(bytes - arena_bytes_);
  arena_bytes_ = bytes;
  return {};
}

Result<ArenaLease> Workspace::lease(size_t bytes) {
  AlignedBuffer arena = keeper_.take(bytes);
  if (!arena) arena = AlignedBuffer(bytes);
  if (!arena)
    return Status(Code::no_memory, "out of memory: " + std::to_string(bytes >> 20) +
                                       " MB of working memory cannot be had, use a smaller picture");
  return ArenaLease(keeper_, std::move(arena));
}

void Workspace::hold(size_t bytes) {
  now_ += bytes;
  peak_ = std::max(peak_, now_);
}

}  // namespace ipa
