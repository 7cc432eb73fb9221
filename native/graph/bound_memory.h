// Memory for a bound value that no program has: what several programs read alike.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "graph/bound_view.h"

namespace ipa {

class BoundMemory {
 public:
  // Of as many values as before, it is the same memory. no_memory.
  Status set(const std::vector<float>& values) {
    const size_t bytes = values.size() * sizeof(float);
    if (!buffer_ || buffer_.bytes() != bytes) buffer_ = AlignedBuffer(bytes);
    if (!buffer_) return Status(Code::no_memory, "out of memory for the inputs of a network");
    view().write(0, values.data(), bytes);
    return {};
  }
  BoundView view() const { return {buffer_.data(), buffer_.bytes()}; }
  // `count` of its floats from `first` on.
  BoundView floats(size_t first, size_t count) const {
    return view().part(first * sizeof(float), count * sizeof(float));
  }

 private:
  AlignedBuffer buffer_;
};

}  // namespace ipa
