// Which thread of a block goes on next.
#pragma once

#include <cstdint>

#include "emulator.h"
#include "warp.h"

namespace cuda_emulator {

// Runs `body(context)` in each thread of each block of `grid`, whose sizes are set. False: end_launch() was called.
bool run_grid(const Options& options, void (*body)(const void*), const void* context);

// For those who wait: the running thread goes on once it has been made ready.
void give_way();
void make_ready(Warp& warp, uint32_t lanes);

// From the running thread: neither it nor any other of the launch goes on.
[[noreturn]] void end_launch();

}  // namespace cuda_emulator
