// The memory of a bound value, or a part of it.
// What it is, the backend knows: others write it, read it and hand it on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ipa {

// All places and sizes are in bytes, and within the memory.
class BoundView {
 public:
  BoundView() = default;
  BoundView(void* address, size_t bytes) : address_(static_cast<uint8_t*>(address)), bytes_(bytes) {}

  explicit operator bool() const { return address_ != nullptr; }
  size_t bytes() const { return bytes_; }
  BoundView part(size_t at, size_t bytes) const { return {address_ + at, bytes}; }
  void write(size_t at, const void* from, size_t bytes) const { std::memcpy(address_ + at, from, bytes); }
  void read(size_t at, void* to, size_t bytes) const { std::memcpy(to, address_ + at, bytes); }
  void copy(size_t at, const BoundView& from) const { std::memcpy(address_ + at, from.address_, from.bytes_); }
  // For backends.
  void* address() const { return address_; }

 private:
  uint8_t* address_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ipa
