// Memory that the programs of a backend work on: its kinds, blocks of it, and views of those.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"

namespace ipa {

// One kind of memory, the host's or a device's, and what moves bytes between it and the host. Blocks keep one that is shared.
class MemorySpace : public std::enable_shared_from_this<MemorySpace> {
 public:
  virtual ~MemorySpace() = default;
  // Of every block's address, in bytes.
  virtual size_t alignment() const = 0;
  // Whether the host may use its addresses as they are.
  virtual bool is_host() const = 0;
  // Bytes that a process may have of it; 0: unknown.
  virtual uint64_t limit() const { return 0; }
  // Uninitialised; null when it cannot be had.
  virtual uint8_t* take(size_t bytes) const = 0;
  virtual void give(uint8_t* address, size_t bytes) const = 0;
  // They go in the order of their calls and of the runs between these. read() waits for what went before it.
  virtual void write(uint8_t* to, const void* from, size_t bytes) const = 0;
  virtual void read(const uint8_t* from, void* to, size_t bytes) const = 0;
  virtual void copy(const uint8_t* from, uint8_t* to, size_t bytes) const = 0;
  virtual void zero(uint8_t* address, size_t bytes) const = 0;
  // Code::no_memory for a take() that gave null, with what this kind of memory has to say to `message`.
  virtual Status no_memory(size_t bytes, const std::string& message) const;
  // Of all of those so far. What failed once is lost, so it is enough to look when results are read.
  virtual Status status() const = 0;
};

// Of the host: for the CPU as a backend, and for what stays there.
const MemorySpace& host_memory();

// A part of a block. All places and sizes are in bytes, and within it.
class BoundView {
 public:
  BoundView() = default;
  BoundView(const MemorySpace* space, uint8_t* address, size_t bytes)
      : space_(space), address_(address), bytes_(bytes) {}

  explicit operator bool() const { return address_ != nullptr; }
  size_t bytes() const { return bytes_; }
  BoundView part(size_t at, size_t bytes) const { return {space_, address_ + at, bytes}; }
  void write(size_t at, const void* from, size_t bytes) const { space_->write(address_ + at, from, bytes); }
  void read(size_t at, void* to, size_t bytes) const { space_->read(address_ + at, to, bytes); }
  // `from` is of the same space.
  void copy(size_t at, const BoundView& from) const {
    if (from.bytes_) space_->copy(from.address_, address_ + at, from.bytes_);
  }
  // An empty one, which may be of no space, stays as it is.
  void fill_with_zeros() const {
    if (bytes_) space_->zero(address_, bytes_);
  }
  Status status() const { return space_->status(); }
  bool same_place(const BoundView& other) const { return address_ == other.address_; }
  // For backends.
  uint8_t* address() const { return address_; }

 private:
  const MemorySpace* space_ = nullptr;
  uint8_t* address_ = nullptr;
  size_t bytes_ = 0;
};

// A block of its own, given back with it.
class Memory {
 public:
  Memory() = default;
  // Uninitialised; empty when it cannot be had.
  Memory(const MemorySpace& space, size_t bytes)
      : space_(&space),
        keeps_(space.weak_from_this().lock()),
        address_(space.take(bytes)),
        bytes_(address_ ? bytes : 0) {}
  ~Memory() {
    if (address_) space_->give(address_, bytes_);
  }
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  explicit operator bool() const { return address_ != nullptr; }
  size_t bytes() const { return bytes_; }
  const MemorySpace& space() const { return *space_; }
  BoundView view() const { return {space_, address_, bytes_}; }
  // For backends.
  uint8_t* address() const { return address_; }

 private:
  void swap(Memory& other) noexcept {
    std::swap(space_, other.space_);
    std::swap(keeps_, other.keeps_);
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
  }

  const MemorySpace* space_ = nullptr;
  std::shared_ptr<const MemorySpace> keeps_;
  uint8_t* address_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ipa
