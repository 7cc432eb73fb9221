// Graphs and events of the fake device.
#include <algorithm>

#include "fake_gpu.h"

namespace cuda_emulator {

GpuResult FakeDevice::graph_begin(FakeQueue& queue) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(Call::graph, queue.device)) return result;
  if (queue.recording) return fail(gpu_failed, "the queue is recording already");
  queue.recording = true;
  queue.recorded.clear();
  return gpu_ok;
}

// What was recorded is recorded by the device behind now, in one go: its queue does other work in between.
GpuResult FakeDevice::graph_end(FakeQueue& queue, GpuGraph** graph) {
  const std::lock_guard<FairMutex> lock(mutex_);
  const bool recording = queue.recording;
  queue.recording = false;
  if (const GpuResult result = begin_call(Call::graph, queue.device)) return result;
  if (!recording) return fail(gpu_failed, "the queue is not recording");
  auto made = std::make_unique<FakeGraph>();
  made->commands = std::move(queue.recorded);
  queue.recorded.clear();
  if (const GpuResult result = real().graph_begin(queue.real)) return result;
  GpuResult failed = gpu_ok;
  for (const Command& command : made->commands)
    if (failed == gpu_ok) failed = perform(queue, command);
  const GpuResult ended = real().graph_end(queue.real, &made->real);
  if (ended == gpu_ok && failed != gpu_ok) real().graph_free(made->real);
  if (failed != gpu_ok || ended != gpu_ok) return failed != gpu_ok ? failed : ended;
  *graph = reinterpret_cast<GpuGraph*>(made.release());
  return gpu_ok;
}

void FakeDevice::graph_free(FakeGraph* graph) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (!graph) return;
  freed_graphs_.push_back(graph);
  free_unused_graphs();
}

void FakeDevice::free_unused_graphs() {
  const auto is_queued = [&](FakeGraph* graph) {
    return std::any_of(queues_.begin(), queues_.end(), [&](const FakeQueue* queue) {
      return std::any_of(queue->waiting.begin(), queue->waiting.end(), [&](const Command& command) {
        return command.graph == reinterpret_cast<GpuGraph*>(graph);
      });
    });
  };
  const auto used = std::partition(freed_graphs_.begin(), freed_graphs_.end(), is_queued);
  for (auto graph = used; graph != freed_graphs_.end(); ++graph) {
    real().graph_free((*graph)->real);
    delete *graph;
  }
  freed_graphs_.erase(used, freed_graphs_.end());
}

GpuResult FakeDevice::event_create(FakeQueue& queue, GpuEvent** event) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(Call::event_create, queue.device)) return result;
  auto made = std::make_unique<FakeEvent>();
  made->device = queue.device;
  if (const GpuResult result = real().event_create(queue.real, &made->real)) return result;
  *event = reinterpret_cast<GpuEvent*>(made.release());
  return gpu_ok;
}

void FakeDevice::event_free(FakeEvent* event) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (!event) return;
  while (event->waiting > 0 && !lost(event->device)) do_next_of(*event->queue);
  real().event_free(event->real);
  delete event;
}

GpuResult FakeDevice::event_wait(FakeEvent& event) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(Call::event, event.device)) return result;
  while (event.waiting > 0 && !lost(event.device))
    settings_.pace == Pace::random ? void(do_one()) : do_next_of(*event.queue);
  if (lost(event.device)) return fail(gpu_lost, "the device is lost");
  event.waited = true;
  if (event.queue && event.queue->failed != gpu_ok) {
    const GpuResult failed = event.queue->failed;
    event.queue->failed = gpu_ok;
    return fail(failed, findings_.empty() ? "queued work failed" : findings_.back());
  }
  return real().event_wait(event.real);
}

GpuResult FakeDevice::event_seconds(FakeEvent& from, FakeEvent& to, double* seconds) {
  const std::lock_guard<FairMutex> lock(mutex_);
  if (const GpuResult result = begin_call(Call::event, from.device)) return result;
  if (!from.waited || !to.waited) {
    find("the time between events of which one was not waited for");
    return fail(gpu_failed, "an event that was not waited for");
  }
  return real().event_seconds(from.real, to.real, seconds);
}

}  // namespace cuda_emulator
