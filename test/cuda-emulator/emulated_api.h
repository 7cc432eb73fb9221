// A GpuApi (native/cuda/api/gpu_api.h) whose devices are the emulator. All that is asked of a queue is done at once. Devices
// are alike and have memory of their own, which the others do not reach. Tests set them up with reset_emulated_gpu().
#pragma once

#include <array>
#include <cstdint>

#include "cuda/api/gpu_api.h"
#include "cuda/api/kernel_args.h"
#include "emulator.h"

namespace cuda_emulator {

struct EmulatedGpu {
  Options options;                            // set_options() changes them between launches
  uint64_t memory_bytes = uint64_t{4} << 30;  // of each device
  int32_t devices = 1;
  // Runs a kernel by its number: a LaunchResult (launch.h). Null: those of native/cuda/kernels.
  int (*launcher)(int32_t kernel, const void* arguments, uint64_t bytes) = nullptr;
};

// New devices: no memory is taken, nothing was counted. No queue may be open.
void reset_emulated_gpu(const EmulatedGpu& settings = {});

const GpuApi* emulated_api();

// Of all devices together, since they are new.
struct GpuCounters {
  std::array<int64_t, ipa::gpu::kernel_count> launches{};  // by kernel, those of graphs as well
  int64_t graph_launches = 0, copies = 0;
  int64_t queues = 0, graphs = 0, events = 0;      // that are there now
  size_t allocations = 0, pinned_allocations = 0;  // the same
  uint64_t taken_bytes = 0;                        // of the devices
  uint64_t most_taken_bytes = 0;                   // of one of them
  uint64_t pinned_bytes = 0, most_pinned_bytes = 0;
};
GpuCounters emulated_counters();
// The launches of one device.
int64_t emulated_launches(int32_t device);

}  // namespace cuda_emulator
