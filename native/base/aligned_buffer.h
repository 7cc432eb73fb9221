// Owned memory aligned for the widest vectors; allocation failure is a value, not an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace ipa {

class AlignedBuffer {
 public:
  static constexpr size_t alignment = 64;

  AlignedBuffer() = default;
  // Uninitialised; data() is null when the memory cannot be had.
  explicit AlignedBuffer(size_t bytes) {
    if (bytes == 0) bytes = alignment;
    memory_.reset(static_cast<uint8_t*>(::operator new(bytes, std::align_val_t(alignment), std::nothrow)));
    bytes_ = memory_ ? bytes : 0;
  }
  uint8_t* data() const { return memory_.get(); }
  float* floats() const { return reinterpret_cast<float*>(memory_.get()); }
  size_t bytes() const { return bytes_; }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  struct Free {
    void operator()(uint8_t* p) const { ::operator delete(p, std::align_val_t(alignment)); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t bytes_ = 0;
};

}  // namespace ipa
