// Kernels for the tests of the emulator itself, right and with one fault planted.
#pragma once

#include <cstdint>

namespace emulator_test {

enum class Fault : int32_t {
  none,
  no_barrier,       // between a store to shared memory and a load by others
  no_wait,          // for a copy
  wait_too_short,   // by one group
  past_the_end,     // of what was allocated
  past_the_shared,  // the same, of shared memory
  never_written,    // bytes are read that nobody wrote
  misaligned,
  early_exit,     // of some lanes of a warp that meets, or threads of a block that has a barrier
  other_meeting,  // some lanes shuffle, some vote
  lane_left_out,  // of the mask it names
  silent_lane,    // a shuffle from a lane that its mask leaves out
  not_atomic,
  no_warp_sync,
  host_memory,  // is read
};

enum class Kernel : int32_t { product, product_transposed, row_sums, histogram, turn, warp_turn, votes };

struct TestArgs {
  const void *a = nullptr, *b = nullptr;
  void* out = nullptr;
  int32_t rows = 0, columns = 0, depth = 0;
  int32_t bfloat = 0;
  Fault fault = Fault::none;
  // How it is launched, for the limits; 0: as it should be.
  int32_t threads = 0, blocks_y = 0, shared = 0;
};

// out (rows, columns) in halves of a (rows, depth) and b: (columns, depth), or (depth, columns) where transposed. depth and
// columns: multiples of 8.
// row_sums: out (rows) of a (rows, columns), f32. histogram: out (columns) counts of a (rows), i32 below columns.
// turn: out (columns, rows) of a (rows, columns), f32. warp_turn: the same of 32 rows by 32.
// votes: out (4 words a thread of 64) of what a's 64 i32 vote for: ballot, any of the block, all of the warp, up-shuffled value.

// As EmulatedGpu::launcher.
int launch_test_kernel(int32_t kernel, const void* arguments, uint64_t bytes);

}  // namespace emulator_test
