// Asynchronous copies of 16 bytes into shared memory (cp.async), of one thread.
#pragma once

#include <vector>

namespace cuda_emulator {

struct AsyncCopy {
  void* to;
  const void* from;  // null: zeros
  int group;
};

struct AsyncCopies {
  std::vector<AsyncCopy> pending;
  int groups = 0;  // committed so far
};

// Of the running thread. Devices older than sm_80 have none: there they are plain loads and stores.
void copy_16(void* to, const void* from);
void commit_copies();
// Until at most the last `pending` groups are under way. Copies that were not committed are not waited for.
void wait_for_copies(int pending);
// At a thread's end.
void finish_copies(AsyncCopies& copies);

}  // namespace cuda_emulator
