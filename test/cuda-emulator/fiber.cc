#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>

#include "pages.h"

namespace cuda_emulator {
namespace {

constexpr size_t stack_bytes = 128 << 10, guard_bytes = 4 << 10, most_fibers = 1024;

uint8_t* reserve_stacks() {
  auto* bytes = static_cast<uint8_t*>(reserve_pages(most_fibers * stack_bytes));
  for (size_t i = 0; i < most_fibers; ++i) mprotect(bytes + i * stack_bytes, guard_bytes, PROT_NONE);
  return bytes;
}

uint8_t* all_stacks() {
  static uint8_t* const stacks = reserve_stacks();
  return stacks;
}
// Stacks begin at different offsets within a page: else the warm ends of all would share a few lines of the cache.
uint8_t* stack_top(size_t index) { return all_stacks() + (index + 1) * stack_bytes - index % 32 * 448; }

}  // namespace

bool on_fiber_stack(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(all_stacks()) <
         most_fibers * stack_bytes;
}

#if defined(__x86_64__)

// Pushes the registers that a callee must keep, goes over to the other stack, and pops what was pushed there.
asm(R"(
.text
.globl cuda_emulator_switch
.hidden cuda_emulator_switch
.type cuda_emulator_switch, @function
cuda_emulator_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size cuda_emulator_switch, .-cuda_emulator_switch
)");

void prepare_fiber(Fiber& fiber, size_t index, void (*entry)()) {
  auto** top = reinterpret_cast<void**>(stack_top(index));
  *--top = nullptr;  // where the return address would be: the stack is aligned as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber.stack_pointer = top;
}

#else

void prepare_fiber(Fiber& fiber, size_t index, void (*entry)()) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = all_stacks() + index * stack_bytes + guard_bytes;
  fiber.context.uc_stack.ss_size = stack_bytes - guard_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
}

#endif

}  // namespace cuda_emulator
