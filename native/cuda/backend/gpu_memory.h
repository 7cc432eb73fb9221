// A device's memory. Bytes go to and from it through a ring of pinned memory, so that whoever writes may forget its
// source at once, and copies run beside the host.
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "cuda/backend/gpu_device.h"
#include "graph/memory.h"

namespace ipa::gpu {

class GpuMemory : public MemorySpace {
 public:
  // Takes the ring: later no copy fails for want of memory. no_memory.
  static Result<std::shared_ptr<const GpuMemory>> make(std::shared_ptr<const GpuDevice> device);
  ~GpuMemory() override;
  GpuMemory(const GpuMemory&) = delete;
  GpuMemory& operator=(const GpuMemory&) = delete;

  size_t alignment() const override { return 256; }
  bool is_host() const override { return false; }
  uint64_t limit() const override;
  uint8_t* take(size_t bytes) const override;
  void give(uint8_t* address, size_t bytes) const override;
  void write(uint8_t* to, const void* from, size_t bytes) const override;
  void read(const uint8_t* from, void* to, size_t bytes) const override;
  void copy(const uint8_t* from, uint8_t* to, size_t bytes) const override;
  void zero(uint8_t* address, size_t bytes) const override;
  Status no_memory(size_t bytes, const std::string& message) const override {
    return device_->no_memory(bytes, message);
  }
  Status status() const override { return device_->status(); }

 private:
  explicit GpuMemory(std::shared_ptr<const GpuDevice> device) : device_(std::move(device)) {}
  Status take_ring();
  struct Slot {
    void* pinned = nullptr;
    GpuEvent* passed = nullptr;  // behind the last copy that uses it
  };
  // Asks for a copy to a slot, and marks its end.
  bool copy_out(const Slot& slot, const uint8_t* from, size_t bytes) const;
  // The next slot, once the copy that used it before is done; null when the device fails.
  Slot* next_slot() const;
  bool did(GpuResult result, const char* what) const { return device_->note(result, what); }

  static constexpr size_t slot_bytes = size_t{1} << 20;
  std::shared_ptr<const GpuDevice> device_;
  mutable std::mutex mutex_;
  mutable std::array<Slot, 4> slots_;
  mutable size_t next_ = 0;
};

}  // namespace ipa::gpu
