// Fibers: functions with a stack of their own that give way to each other within one thread of the system.
#pragma once

#include <cstddef>

// Elsewhere than on x86-64, and where CUDA_EMULATOR_UCONTEXT is defined, the C library switches stacks, by slow calls of the
// system.
#if defined(__x86_64__) && !defined(CUDA_EMULATOR_UCONTEXT)
#define CUDA_EMULATOR_ASSEMBLY 1
#else
#define CUDA_EMULATOR_ASSEMBLY 0
#endif

#if !CUDA_EMULATOR_ASSEMBLY
#include <ucontext.h>
#endif

namespace cuda_emulator {

struct Fiber {
#if CUDA_EMULATOR_ASSEMBLY
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
};

// Makes `fiber` begin with `entry`, which must never return, on the stack of that index (below 1024). Its last bytes are
// kept from being written, so that an overflow ends the process there.
void prepare_fiber(Fiber& fiber, size_t index, void (*entry)());

// Whether it lies in the stack of any fiber.
bool on_fiber_stack(const void* address);

// Goes on with `to`, and comes back when another goes on with `from`.
void switch_fiber(Fiber& from, Fiber& to);

#if CUDA_EMULATOR_ASSEMBLY
extern "C" void cuda_emulator_switch(void** from, void* to);
inline void switch_fiber(Fiber& from, Fiber& to) {
  cuda_emulator_switch(&from.stack_pointer, to.stack_pointer);
}
#else
inline void switch_fiber(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }
#endif

}  // namespace cuda_emulator
