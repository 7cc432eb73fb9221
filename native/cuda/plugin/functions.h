// The functions of the table, see gpu_api.h.
#pragma once

#include "cuda/api/gpu_api.h"

namespace ipa::gpu::plugin {

// devices.cc
GpuResult versions(GpuVersions* versions);
GpuResult device_count(int32_t* count);
GpuResult device_info(int32_t index, GpuDeviceInfo* info);

// queue.cc
GpuResult open(int32_t index, GpuQueue** queue);
void close(GpuQueue* queue);

// memory.cc
GpuResult memory(GpuQueue* queue, uint64_t* free_bytes, uint64_t* total_bytes);
GpuResult take(GpuQueue* queue, uint64_t bytes, void** address);
GpuResult give(GpuQueue* queue, void* address);
GpuResult take_pinned(GpuQueue* queue, uint64_t bytes, void** address);
GpuResult give_pinned(GpuQueue* queue, void* address);

// copies.cc
GpuResult copy_in(GpuQueue* queue, void* device, const void* pinned, uint64_t bytes);
GpuResult copy_out(GpuQueue* queue, void* pinned, const void* device, uint64_t bytes);
GpuResult copy_within(GpuQueue* queue, void* to, const void* from, uint64_t bytes);
GpuResult fill_zero(GpuQueue* queue, void* device, uint64_t bytes);

// launches.cu
GpuResult launch(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t argument_bytes);

// graphs.cc
GpuResult graph_begin(GpuQueue* queue);
GpuResult graph_end(GpuQueue* queue, GpuGraph** graph);
GpuResult graph_launch(GpuQueue* queue, GpuGraph* graph);
void graph_free(GpuGraph* graph);

// events.cc
GpuResult event_create(GpuQueue* queue, GpuEvent** event);
void event_free(GpuEvent* event);
GpuResult event_record(GpuQueue* queue, GpuEvent* event);
GpuResult event_wait(GpuEvent* event);
GpuResult event_seconds(GpuEvent* from, GpuEvent* to, double* seconds);

}  // namespace ipa::gpu::plugin
