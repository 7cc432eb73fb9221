#include "checks.h"

#include <algorithm>
#include <cstring>

#include "emulator.h"
#include "pages.h"
#include "report.h"
#include "shadow.h"

// The code and data of the executable or library that this is in, constants of kernels among them: set by the linker.
extern "C" char __ehdr_start, _end;

namespace cuda_emulator {

bool checking = false;
unsigned char* shared_memory = nullptr;

bool checked() { return checking; }

namespace {

constexpr size_t shared_reserved = 512 << 10;

// Memory of the device with the shadows of its bytes.
struct Region {
  uintptr_t base = 0;
  size_t bytes = 0;
  Shadow* shadows = nullptr;

  bool has(uintptr_t at) const { return at - base < bytes; }
  Shadow* shadow(const void* address) const { return shadows + (reinterpret_cast<uintptr_t>(address) - base); }
};

Region shared, global;
Clock clock;
uintptr_t arguments = 0;
size_t argument_bytes = 0;

Region watch(const void* base, size_t bytes) {
  return {reinterpret_cast<uintptr_t>(base), bytes,
          checking ? static_cast<Shadow*>(reserve_pages(bytes * sizeof(Shadow))) : nullptr};
}

Actor actor_of(const Thread& thread) {
  return {static_cast<Who>(thread.id + 1), static_cast<uint16_t>(thread.warp->index),
          static_cast<uint16_t>(thread.warp->epoch)};
}

const char* apply(const ShadowRules& rules, Shadow& byte, Access access) {
  switch (access) {
    case Access::read: return rules.read(byte);
    case Access::write: return rules.write(byte);
    case Access::atomic: return rules.update_atomically(byte);
    case Access::start_copy: return rules.start_copy(byte);
    case Access::landing: rules.land(byte); break;
  }
  return nullptr;
}

// The first thing that is wrong with any of the bytes.
const char* check_bytes(const ShadowRules& rules, Shadow* first, size_t bytes, Access access) {
  const char* wrong = nullptr;
  // What was last touched together has the same shadows, and keeps them so.
  if (std::memcmp(first, first + 1, (bytes - 1) * sizeof(Shadow)) == 0) {
    wrong = apply(rules, first[0], access);
    std::fill_n(first + 1, bytes - 1, first[0]);
    return wrong;
  }
  for (size_t i = 0; i < bytes; ++i) {
    const char* of_byte = apply(rules, first[i], access);
    if (!wrong) wrong = of_byte;
  }
  return wrong;
}

const char* check_shared(const Thread& thread, uintptr_t at, size_t bytes, Access access) {
  if (at - shared.base + bytes > grid.shared_bytes) return "out of bounds of shared memory";
  const ShadowRules rules{clock, actor_of(thread), clock.block_began, clock.block_began};
  return check_bytes(rules, shared.shadows + (at - shared.base), bytes, access);
}

const char* check_global(const Thread& thread, uintptr_t at, size_t bytes, Access access) {
  Shadow* first = global.shadows + (at - global.base);
  for (size_t i = 0; i < bytes; ++i)
    if (at - global.base + i >= global.bytes || first[i].writer == nobody)
      return "out of bounds of global memory";
  const ShadowRules rules{clock, actor_of(thread), clock.launch_began, 1};
  return check_bytes(rules, first, bytes, access);
}

bool is_of_program(uintptr_t at) {
  return at - reinterpret_cast<uintptr_t>(&__ehdr_start) < static_cast<uintptr_t>(&_end - &__ehdr_start) ||
         at - arguments < argument_bytes || on_fiber_stack(reinterpret_cast<const void*>(at));
}

}  // namespace

void check_access_of(const Thread& thread, const void* address, size_t bytes, Access access) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const char* wrong = nullptr;
  if (shared.has(at))
    wrong = check_shared(thread, at, bytes, access);
  else if (global.has(at))
    wrong = check_global(thread, at, bytes, access);
  else if (!is_of_program(at))
    wrong = "an access to memory of the host";
  if (wrong) report(wrong, &thread, nullptr, address);
}

void check_access(const void* address, size_t bytes, Access access) {
  if (running) check_access_of(*running, address, bytes, access);
}

bool is_device_memory(const void* address) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  return shared.has(at) || global.has(at);
}

void reserve_shared_memory() {
  if (shared_memory) return;
  shared_memory = static_cast<unsigned char*>(reserve_pages(shared_reserved));
  shared = watch(shared_memory, shared_reserved);
}

void watch_memory(const void* base, size_t bytes) {
  unwatch_memory();
  global = watch(base, bytes);
}

void unwatch_memory() {
  if (global.shadows) release_pages(global.shadows, global.bytes * sizeof(Shadow));
  global = {};
}

void mark_allocated(const void* address, size_t bytes) {
  if (!checking) return;
  Shadow* first = global.shadow(address);
  for (size_t i = 0; i < bytes; ++i) {
    first[i] = {};
    first[i].writer = host;
  }
}

void mark_freed(const void* address, size_t bytes) {
  if (!checking) return;
  clear_pages(global.shadow(address), bytes * sizeof(Shadow));  // nobody has them
}

void mark_written(const void* address, size_t bytes) {
  if (!checking) return;
  Shadow* first = global.shadow(address);
  for (size_t i = 0; i < bytes; ++i) first[i].written = 1;
}

void mark_copied(const void* to, const void* from, size_t bytes) {
  if (!checking) return;
  Shadow *target = global.shadow(to), *source = global.shadow(from);
  for (size_t i = 0; i < bytes; ++i) target[i].written = source[i].written ? 1 : 0;
}

void begin_launch_checks(const void* arguments_of_launch, size_t bytes) {
  arguments = reinterpret_cast<uintptr_t>(arguments_of_launch);
  argument_bytes = bytes;
  clock.launch_began = ++clock.now;
}
void begin_block_checks() { clock.block_began = ++clock.now; }
void begin_epoch() { ++clock.now; }

}  // namespace cuda_emulator
