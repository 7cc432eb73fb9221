// Owned memory aligned for the widest vectors; allocation failure is a value, not an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ipa {

// Large buffers are pages of their own, so that freeing them gives the memory back to the system at once:
// a general allocator keeps the gigabytes of a disposed model for later.
class AlignedBuffer {
 public:
  static constexpr size_t alignment = 64;

  AlignedBuffer() = default;
  // Uninitialised; data() is null when the memory cannot be had.
  explicit AlignedBuffer(size_t bytes) : memory_(take(bytes)), bytes_(memory_ ? bytes : 0) {}
  ~AlignedBuffer() { release(); }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  // The same without an owner.
  static uint8_t* take(size_t bytes);
  static void give(uint8_t* memory, size_t bytes);

  uint8_t* data() const { return memory_; }
  float* floats() const { return reinterpret_cast<float*>(memory_); }
  size_t bytes() const { return bytes_; }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  void swap(AlignedBuffer& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
  }
  void release() {
    if (memory_) give(memory_, bytes_);
  }

  uint8_t* memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ipa
