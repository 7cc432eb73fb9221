#include "cuda/backend/gpu_memory.h"

#include <algorithm>
#include <cstring>

namespace ipa::gpu {

Result<std::shared_ptr<const GpuMemory>> GpuMemory::make(std::shared_ptr<const GpuDevice> device) {
  std::shared_ptr<GpuMemory> self(new GpuMemory(std::move(device)));
  IPA_TRY(self->take_ring());
  return std::shared_ptr<const GpuMemory>(std::move(self));
}

Status GpuMemory::take_ring() {
  const GpuApi& api = device_->api();
  for (Slot& slot : slots_) {
    IPA_TRY(device_->check(api.event_create(device_->queue(), &slot.passed), "making an event"));
    const GpuResult taken = api.take_pinned(device_->queue(), slot_bytes, &slot.pinned);
    if (taken == gpu_no_memory)
      return Status(Code::no_memory,
                    device_->name() + ": " + std::to_string(slots_.size() * slot_bytes >> 20) +
                        " MB of the host's memory that the GPU reaches are needed, and are not free: end other "
                        "programs, or raise the limit of locked memory (ulimit -l)");
    IPA_TRY(device_->check(taken, "taking pinned memory"));
  }
  return {};
}

GpuMemory::~GpuMemory() {
  for (Slot& slot : slots_) {
    if (slot.passed) device_->api().event_free(slot.passed);
    if (slot.pinned) (void)device_->api().give_pinned(device_->queue(), slot.pinned);
  }
}

uint64_t GpuMemory::limit() const {
  // What the driver keeps for the process itself: kernels, and room for their stacks.
  constexpr uint64_t of_the_driver = uint64_t{512} << 20;
  const uint64_t all = device_->info().memory_bytes;
  return all > 2 * of_the_driver ? all - of_the_driver : all;
}

uint8_t* GpuMemory::take(size_t bytes) const {
  if (!device_->status().ok()) return nullptr;
  void* address = nullptr;
  const std::lock_guard<std::mutex> order(device_->order());
  const GpuResult result = device_->api().take(device_->queue(), std::max<size_t>(bytes, 1), &address);
  if (result != gpu_no_memory) did(result, "taking memory");
  return result == gpu_ok ? static_cast<uint8_t*>(address) : nullptr;
}

void GpuMemory::give(uint8_t* address, size_t) const {
  const std::lock_guard<std::mutex> order(device_->order());
  did(device_->api().give(device_->queue(), address), "giving memory back");
}

GpuMemory::Slot* GpuMemory::next_slot() const {
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % slots_.size();
  return did(device_->api().event_wait(slot.passed), "waiting for a copy") ? &slot : nullptr;
}

void GpuMemory::write(uint8_t* to, const void* from, size_t bytes) const {
  const GpuApi& api = device_->api();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t at = 0; at < bytes; at += slot_bytes) {
    Slot* slot = next_slot();
    if (!slot) return;
    const size_t count = std::min(slot_bytes, bytes - at);
    std::memcpy(slot->pinned, static_cast<const uint8_t*>(from) + at, count);
    const std::lock_guard<std::mutex> order(device_->order());
    if (!did(api.copy_in(device_->queue(), to + at, slot->pinned, count), "a copy to the GPU")) return;
    if (!did(api.event_record(device_->queue(), slot->passed), "marking a copy")) return;
  }
}

bool GpuMemory::copy_out(const Slot& slot, const uint8_t* from, size_t bytes) const {
  const GpuApi& api = device_->api();
  const std::lock_guard<std::mutex> order(device_->order());
  return did(api.copy_out(device_->queue(), slot.pinned, from, bytes), "a copy from the GPU") &&
         did(api.event_record(device_->queue(), slot.passed), "marking a copy");
}

void GpuMemory::read(const uint8_t* from, void* to, size_t bytes) const {
  const GpuApi& api = device_->api();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t at = 0; at < bytes; at += slot_bytes) {
    Slot* slot = next_slot();
    if (!slot) return;
    const size_t count = std::min(slot_bytes, bytes - at);
    if (!copy_out(*slot, from + at, count)) return;
    if (!did(api.event_wait(slot->passed), "waiting for a copy")) return;
    std::memcpy(static_cast<uint8_t*>(to) + at, slot->pinned, count);
  }
}

void GpuMemory::copy(const uint8_t* from, uint8_t* to, size_t bytes) const {
  const std::lock_guard<std::mutex> order(device_->order());
  did(device_->api().copy_within(device_->queue(), to, from, bytes), "a copy on the GPU");
}

void GpuMemory::zero(uint8_t* address, size_t bytes) const {
  const std::lock_guard<std::mutex> order(device_->order());
  did(device_->api().fill_zero(device_->queue(), address, bytes), "filling memory with zeros");
}

}  // namespace ipa::gpu
