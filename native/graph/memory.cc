#include "graph/memory.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/aligned_buffer.h"

namespace ipa {
namespace {

class HostMemory : public MemorySpace {
 public:
  size_t alignment() const override { return AlignedBuffer::alignment; }
  bool is_host() const override { return true; }
  uint8_t* take(size_t bytes) const override { return AlignedBuffer::take(bytes); }
  void give(uint8_t* address, size_t bytes) const override { AlignedBuffer::give(address, bytes); }
  void write(uint8_t* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
  void read(const uint8_t* from, void* to, size_t bytes) const override { std::memcpy(to, from, bytes); }
  void copy(const uint8_t* from, uint8_t* to, size_t bytes) const override { std::memcpy(to, from, bytes); }
  Status status() const override { return {}; }
};

}  // namespace

const MemorySpace& host_memory() {
  static const HostMemory memory;
  return memory;
}

void BoundView::fill_with_zeros() const {
  static const std::array<uint8_t, 16384> zeros = {};
  for (size_t at = 0; at < bytes_; at += zeros.size())
    write(at, zeros.data(), std::min(zeros.size(), bytes_ - at));
}

}  // namespace ipa
