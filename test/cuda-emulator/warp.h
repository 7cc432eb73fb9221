// Meetings of the lanes of a warp. Each lane leaves its operands in the warp, and the last to arrive works out the results of
// all, once.
#pragma once

#include <cstdint>

#include "thread.h"

namespace cuda_emulator {

constexpr int warp_size = 32;

// What lanes meet for.
struct Meeting {
  const char* name;
  // Makes the results of `lanes` of their operands. Null: there are none.
  void (*finish)(Warp& warp, uint32_t lanes);
  // Whether what lanes stored before is seen by the others afterwards.
  bool orders_memory;
};

// Some lanes that wait for the rest of `mask`.
struct Group {
  uint32_t mask = 0, arrived = 0;
  const Meeting* meeting = nullptr;
};

struct Warp {
  // Operands and results of a lane. A lane's results stay until it takes part in another meeting that has as many.
  alignas(64) uint32_t left[warp_size][4];  // mma: the lane's part of the left matrix
  alignas(64) uint32_t right[warp_size][2];
  alignas(64) float sums[warp_size][4];
  alignas(64) uint32_t words[warp_size][4];  // ldmatrix
  const void* rows[warp_size];
  alignas(64) uint64_t values[warp_size];  // shuffles
  alignas(64) uint64_t received[warp_size];
  int32_t from[warp_size];
  uint32_t ballot[warp_size];

  uint32_t exists = 0, ready = 0, done = 0;
  int index = 0;
  int open_groups = 0;
  Group groups[warp_size];
  uint32_t epoch = 0;  // meetings of the whole warp that ordered memory, since the block's last barrier
  Thread* threads = nullptr;
};

// Returns when all lanes of `mask` have come, and the results are there. A lane that does not exist is not waited for.
void meet_warp(uint32_t mask, const Meeting& meeting);

extern const Meeting meeting_sync, meeting_shuffle, meeting_ballot, meeting_load, meeting_load_transposed,
    meeting_product_half, meeting_product_bfloat;

// Ends a meeting with those who came.
void finish_group(Warp& warp, int group);

}  // namespace cuda_emulator
