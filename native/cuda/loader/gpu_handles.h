// A queue of a GPU and what belongs to it, given back with it.
#pragma once

#include <memory>

#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

struct CloseQueue {
  const GpuApi* api = nullptr;
  void operator()(GpuQueue* queue) const { api->close(queue); }
};
using OwnedQueue = std::unique_ptr<GpuQueue, CloseQueue>;

struct FreeEvent {
  const GpuApi* api = nullptr;
  void operator()(GpuEvent* event) const { api->event_free(event); }
};
using OwnedEvent = std::unique_ptr<GpuEvent, FreeEvent>;

// `give`: give or give_pinned of the table.
struct GiveMemory {
  GpuQueue* queue = nullptr;
  GpuResult (*give)(GpuQueue* queue, void* address) = nullptr;
  void operator()(void* address) const { give(queue, address); }
};
using OwnedMemory = std::unique_ptr<void, GiveMemory>;

}  // namespace ipa::gpu
