#include "graph/workspace.h"

#include <algorithm>

namespace ipa {

Status Workspace::require(size_t bytes) {
  if (bytes <= arena_bytes_) return {};
  // The old one goes first: both at a time would be more than either needs.
  arena_ = AlignedBuffer();
  drop(arena_bytes_);
  arena_bytes_ = 0;
  if (!dry_) {
    arena_ = AlignedBuffer(bytes);
    if (!arena_)
      return Status(Code::no_memory, "out of memory: " + std::to_string(bytes >> 20) +
                                         " MB of working memory cannot be had, use a smaller picture");
  }
  arena_bytes_ = bytes;
  hold(bytes);
  return {};
}

void Workspace::hold(size_t bytes) {
  now_ += bytes;
  peak_ = std::max(peak_, now_);
}

}  // namespace ipa
