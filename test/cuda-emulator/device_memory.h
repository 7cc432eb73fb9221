// Memory of emulated devices: addresses on multiples of 256, gaps between allocations, and contents that begin as NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace cuda_emulator {

// Addresses for several devices with `bytes` of memory each, side by side, for the checks watch one range.
class DeviceAddresses {
 public:
  DeviceAddresses(int32_t devices, uint64_t bytes);
  ~DeviceAddresses();
  DeviceAddresses(const DeviceAddresses&) = delete;
  DeviceAddresses& operator=(const DeviceAddresses&) = delete;
  uint8_t* of(int32_t device) const { return base_ + static_cast<uint64_t>(device) * each_; }

 private:
  uint64_t each_, all_;
  uint8_t* base_;
};

// Of one device.
class DeviceMemory {
 public:
  DeviceMemory(uint8_t* base, uint64_t bytes);

  // Null: no such gap is left.
  void* take(uint64_t bytes);
  // False: nothing begins there.
  bool give(void* address);
  // Whether all of it lies in one allocation.
  bool holds(const void* address, uint64_t bytes) const;

  uint64_t bytes() const { return bytes_; }
  uint64_t taken() const { return taken_; }
  uint64_t most_taken() const { return most_taken_; }
  size_t allocations() const { return parts_.size(); }

 private:
  uint64_t find_gap(uint64_t bytes) const;
  uint64_t first_gap(uint64_t from, uint64_t bytes) const;

  uint64_t bytes_, reserved_;
  uint8_t* base_;
  std::map<uint64_t, uint64_t> parts_;  // where they begin, and their bytes
  uint64_t next_ = 0;                   // where to look first: what was given back is not taken again soon
  uint64_t taken_ = 0, most_taken_ = 0;
};

}  // namespace cuda_emulator
