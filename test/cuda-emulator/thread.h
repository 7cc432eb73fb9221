// The running thread of the emulated device, and the block around it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "async_copies.h"
#include "cuda_types.h"
#include "fiber.h"

namespace cuda_emulator {

struct Warp;

struct Thread {
  Fiber fiber;
  uint3 index{};  // threadIdx
  int id = 0, lane = 0;
  uint32_t bit = 1;  // of its lane
  Warp* warp = nullptr;
  AsyncCopies copies;
};

// Of the launch that runs, and of its block at work.
struct Grid {
  dim3 size, block_size;
  uint3 block{};
  int capability = 80;
  bool late_copies = false;
  size_t shared_bytes = 0;
};

extern Thread* running;  // null outside of kernels
extern Grid grid;
extern unsigned char* shared_memory;

// Waits for all threads of the block; true where any of them said so.
bool meet_block(bool vote);

}  // namespace cuda_emulator
