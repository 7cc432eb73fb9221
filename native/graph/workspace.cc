#include "graph/workspace.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ipa {

AlignedBuffer ArenaKeeper::take(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  AlignedBuffer arena;
  std::swap(arena, kept_);
  return arena.bytes() >= bytes ? std::move(arena) : AlignedBuffer();
}

void ArenaKeeper::give(AlignedBuffer arena) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (arena.bytes() <= largest && arena.bytes() > kept_.bytes()) kept_ = std::move(arena);
}

Status Workspace::require(size_t bytes) {
  if (bytes <= arena_bytes_) return {};
  if (bytes <= arena_.bytes()) {  // a kept one, larger than was asked for
    hold(bytes - arena_bytes_);
    arena_bytes_ = bytes;
    return {};
  }
  // The old one goes first: both at a time would be more than either needs.
  arena_ = AlignedBuffer();
  drop(arena_bytes_);
  arena_bytes_ = 0;
  if (keeper_) arena_ = keeper_->take(bytes);
  if (!arena_) arena_ = AlignedBuffer(bytes);
  if (!arena_)
    return Status(Code::no_memory, "out of memory: " + std::to_string(bytes >> 20) +
                                       " MB of working memory cannot be had, use a smaller picture");
  arena_bytes_ = bytes;
  hold(bytes);
  return {};
}

void Workspace::hold(size_t bytes) {
  now_ += bytes;
  peak_ = std::max(peak_, now_);
}

}  // namespace ipa
