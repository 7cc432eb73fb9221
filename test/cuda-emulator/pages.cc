#include "pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cuda_emulator {
namespace {

constexpr uintptr_t page_bytes = 64 << 10;  // no system's are larger

}  // namespace

void* reserve_pages(size_t bytes) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "cuda_emulator: cannot reserve %zu bytes\n", bytes);
    std::abort();
  }
  return memory;
}

void release_pages(void* memory, size_t bytes) { munmap(memory, bytes); }

void clear_pages(void* memory, size_t bytes) {
  const auto first = reinterpret_cast<uintptr_t>(memory), end = first + bytes;
  const uintptr_t first_page = (first + page_bytes - 1) / page_bytes * page_bytes,
                  end_page = end / page_bytes * page_bytes;
  if (first_page >= end_page) {
    std::memset(memory, 0, bytes);
    return;
  }
  std::memset(memory, 0, first_page - first);
  madvise(reinterpret_cast<void*>(first_page), end_page - first_page, MADV_DONTNEED);
  std::memset(reinterpret_cast<void*>(end_page), 0, end - end_page);
}

}  // namespace cuda_emulator
