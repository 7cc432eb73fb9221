// Checks of what kernels do with memory: bounds, bytes read before they were written, races, alignment. Only for kernels that
// were compiled with -fsanitize=thread, see sanitizer_hooks.cc: without, device memory is filled with NaN and that is all.
//
// Two accesses to a byte, one of them a store, are a race unless a barrier of the block lies between them, or a __syncwarp of
// the whole warp where both are of that warp. Shuffles and mma order no memory, as in CUDA's guide. Blocks of one launch are
// not ordered at all. Atomic operations are no race among themselves.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuda_emulator {

struct Thread;

enum class Access {
  read,
  write,
  atomic,      // reads and writes
  start_copy,  // bytes that nobody may touch until the copy is waited for
  landing      // the end of that
};

// Whether there are kernels that call the checks.
extern bool checking;

// By a thread, by default the running one. Accesses elsewhere than to memory of the device are not looked at, but for those to
// memory of the host, which the device does not see.
void check_access_of(const Thread& thread, const void* address, size_t bytes, Access access);
void check_access(const void* address, size_t bytes, Access access);
bool is_device_memory(const void* address);

// Shared memory of a block, with room behind it for accesses out of bounds.
void reserve_shared_memory();
// Global memory: known from here on, with nothing allocated in it. Another call replaces it.
void watch_memory(const void* base, size_t bytes);
void unwatch_memory();
// Parts of it. Allocated bytes have not been written yet.
void mark_allocated(const void* address, size_t bytes);
void mark_freed(const void* address, size_t bytes);
void mark_written(const void* address, size_t bytes);
void mark_copied(const void* to, const void* from, size_t bytes);

// Arguments of the launch, which all threads read.
void begin_launch_checks(const void* arguments, size_t bytes);
void begin_block_checks();
// At a barrier.
void begin_epoch();

}  // namespace cuda_emulator
