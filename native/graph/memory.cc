#include "graph/memory.h"

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
  void zero(uint8_t* address, size_t bytes) const override { std::memset(address, 0, bytes); }
  Status status() const override { return {}; }
};

}  // namespace

const MemorySpace& host_memory() {
  static const HostMemory memory;
  return memory;
}

Status MemorySpace::no_memory(size_t, const std::string& message) const {
  return Status(Code::no_memory, message);
}

}  // namespace ipa
