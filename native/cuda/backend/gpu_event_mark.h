// A mark in a GPU's queue.
#pragma once

#include "cuda/backend/gpu_device.h"

namespace ipa::gpu {

// Freed with its place. `device` outlives it.
class EventMark {
 public:
  explicit EventMark(const GpuDevice& device) : device_(device) {}
  ~EventMark() {
    if (event_) device_.api().event_free(event_);
  }
  EventMark(const EventMark&) = delete;
  EventMark& operator=(const EventMark&) = delete;
  // Once; again it is there.
  Status make() {
    if (event_) return {};
    return device_.check(device_.api().event_create(device_.queue(), &event_), "making an event");
  }
  Status record() {
    return device_.check(device_.api().event_record(device_.queue(), event_), "marking a step");
  }
  // Sleeps until what was asked of the queue before the mark is done.
  Status wait() { return device_.check(device_.api().event_wait(event_), "a step"); }
  Status seconds_since(const EventMark& from, double& seconds) const {
    return device_.check(device_.api().event_seconds(from.event_, event_, &seconds), "timing a step");
  }

 private:
  const GpuDevice& device_;
  GpuEvent* event_ = nullptr;
};

}  // namespace ipa::gpu
