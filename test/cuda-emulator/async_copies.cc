#include "async_copies.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "checks.h"
#include "report.h"
#include "thread.h"

namespace cuda_emulator {
namespace {

constexpr size_t copy_bytes = 16;
constexpr int asynchronous_since = 80;

bool aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % copy_bytes == 0; }

bool in_shared_memory(const void* address) {
  const auto at = reinterpret_cast<uintptr_t>(address), first = reinterpret_cast<uintptr_t>(shared_memory);
  return at >= first && at + copy_bytes <= first + grid.shared_bytes;
}

void move(void* to, const void* from) {
  if (from)
    std::memcpy(to, from, copy_bytes);
  else
    std::memset(to, 0, copy_bytes);
}

void land(const AsyncCopy& copy) {
  if (checking) {
    if (copy.from) check_access(copy.from, copy_bytes, Access::read);
    check_access(copy.to, copy_bytes, Access::landing);
  }
  if (grid.late_copies) move(copy.to, copy.from);
}

void land_until(AsyncCopies& copies, int group) {
  size_t landed = 0;
  while (landed < copies.pending.size() && copies.pending[landed].group < group) land(copies.pending[landed++]);
  copies.pending.erase(copies.pending.begin(), copies.pending.begin() + static_cast<std::ptrdiff_t>(landed));
}

}  // namespace

void copy_16(void* to, const void* from) {
  if (!in_shared_memory(to)) return report("a copy to where no shared memory is", running, nullptr, to);
  if (!aligned(to) || (from && !aligned(from))) fault("a misaligned copy", *running, aligned(to) ? from : to);
  const bool at_once = grid.capability < asynchronous_since;
  if (checking) {
    if (from) check_access(from, copy_bytes, Access::read);
    check_access(to, copy_bytes, at_once ? Access::write : Access::start_copy);
  }
  if (at_once || !grid.late_copies) move(to, from);
  if (!at_once && (checking || grid.late_copies))
    running->copies.pending.push_back({to, from, running->copies.groups});
}

void commit_copies() { ++running->copies.groups; }

void wait_for_copies(int pending) {
  AsyncCopies& copies = running->copies;
  if (!copies.pending.empty()) land_until(copies, copies.groups - pending);
}

void finish_copies(AsyncCopies& copies) {
  land_until(copies, copies.groups + 1);
  copies.groups = 0;
}

}  // namespace cuda_emulator
