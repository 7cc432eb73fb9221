#include "device_memory.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "checks.h"
#include "pages.h"

namespace cuda_emulator {
namespace {

constexpr uint64_t alignment = 256, gap = 256;
constexpr uint64_t none = ~uint64_t{0};
constexpr uint64_t cleared_as_nan = 1 << 20;  // of what is given back; the rest becomes zeros
constexpr int not_a_number = 0xff;            // in each byte: of floats and both halves

uint64_t round_up(uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// Twice as many as memory: gaps take some, and so does what is not taken again at once.
uint64_t addresses_for(uint64_t bytes) { return 2 * round_up(bytes) + alignment; }

}  // namespace

DeviceAddresses::DeviceAddresses(int32_t devices, uint64_t bytes)
    : each_(addresses_for(bytes)),
      all_(static_cast<uint64_t>(devices) * each_),
      base_(static_cast<uint8_t*>(reserve_pages(all_))) {
  watch_memory(base_, all_);
}

DeviceAddresses::~DeviceAddresses() {
  unwatch_memory();
  release_pages(base_, all_);
}

DeviceMemory::DeviceMemory(uint8_t* base, uint64_t bytes)
    : bytes_(bytes), reserved_(addresses_for(bytes)), base_(base) {}

uint64_t DeviceMemory::first_gap(uint64_t from, uint64_t bytes) const {
  uint64_t at = from;
  auto part = parts_.lower_bound(from);
  if (part != parts_.begin()) {
    const auto before = std::prev(part);
    at = std::max(at, round_up(before->first + before->second) + gap);
  }
  for (; part != parts_.end() && at + bytes + gap > part->first; ++part)
    at = round_up(part->first + part->second) + gap;
  return at + bytes <= reserved_ ? at : none;
}

uint64_t DeviceMemory::find_gap(uint64_t bytes) const {
  const uint64_t after = first_gap(next_, bytes);
  return after != none ? after : first_gap(0, bytes);
}

void* DeviceMemory::take(uint64_t bytes) {
  if (bytes == 0 || bytes > bytes_ - taken_) return nullptr;
  const uint64_t at = find_gap(bytes);
  if (at == none) return nullptr;
  parts_[at] = bytes;
  next_ = round_up(at + bytes) + gap;
  taken_ += bytes;
  most_taken_ = std::max(most_taken_, taken_);
  std::memset(base_ + at, not_a_number, bytes);
  mark_allocated(base_ + at, bytes);
  return base_ + at;
}

bool DeviceMemory::give(void* address) {
  const auto part = parts_.find(static_cast<uint64_t>(static_cast<uint8_t*>(address) - base_));
  if (part == parts_.end()) return false;
  // So that what still reads there reads something else.
  clear_pages(address, part->second);
  std::memset(address, not_a_number, std::min(part->second, cleared_as_nan));
  mark_freed(address, part->second);
  taken_ -= part->second;
  parts_.erase(part);
  return true;
}

bool DeviceMemory::holds(const void* address, uint64_t bytes) const {
  const auto at = static_cast<uint64_t>(static_cast<const uint8_t*>(address) - base_);
  auto part = parts_.upper_bound(at);
  if (part == parts_.begin()) return false;
  --part;
  return at - part->first <= part->second && bytes <= part->second - (at - part->first);
}

}  // namespace cuda_emulator
