// What code compiled with -fsanitize=thread calls before its loads and stores. The sanitizer's own library is not linked: these
// take its place, and look at the memory of the emulated device alone.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "checks.h"
#include "report.h"

namespace {

using cuda_emulator::Access;

void look_at(void* address, size_t bytes, Access access) {
  if (cuda_emulator::running) cuda_emulator::check_access(address, bytes, access);
}

void look_at_aligned(void* address, size_t bytes, Access access) {
  if (!cuda_emulator::running) return;
  if (reinterpret_cast<uintptr_t>(address) % bytes && cuda_emulator::is_device_memory(address))
    cuda_emulator::fault("a misaligned access", *cuda_emulator::running, address);
  cuda_emulator::check_access(address, bytes, access);
}

}  // namespace

#define HOOKS(bytes)                                                                          \
  void __tsan_read##bytes(void* at) { look_at_aligned(at, bytes, Access::read); }             \
  void __tsan_write##bytes(void* at) { look_at_aligned(at, bytes, Access::write); }           \
  void __tsan_unaligned_read##bytes(void* at) { look_at(at, bytes, Access::read); }           \
  void __tsan_unaligned_write##bytes(void* at) { look_at(at, bytes, Access::write); }         \
  void __tsan_read##bytes##_pc(void* at, void*) { look_at_aligned(at, bytes, Access::read); } \
  void __tsan_write##bytes##_pc(void* at, void*) { look_at_aligned(at, bytes, Access::write); }

extern "C" {
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
void __tsan_read_range(void* at, size_t bytes) { look_at(at, bytes, Access::read); }
void __tsan_write_range(void* at, size_t bytes) { look_at(at, bytes, Access::write); }
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  look_at(const_cast<void*>(from), bytes, Access::read);
  look_at(to, bytes, Access::write);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  look_at(const_cast<void*>(from), bytes, Access::read);
  look_at(to, bytes, Access::write);
  return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  look_at(to, bytes, Access::write);
  return std::memset(to, value, bytes);
}
void __tsan_init() { cuda_emulator::checking = true; }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// Of the guards of local statics, in the host's part of kernel files.
unsigned char __tsan_atomic8_load(const volatile unsigned char* at, int) {
  return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}
}
