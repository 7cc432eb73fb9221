#include "guarded_pages.h"

#ifdef _WIN32
#include "base/windows.h"
#else
#include <sys/mman.h>
#endif

namespace ipa_test {

#ifdef _WIN32

void* take_pages(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS); }
void give_pages(void* pages, size_t) { VirtualFree(pages, 0, MEM_RELEASE); }
void set_pages_open(void* pages, size_t bytes, bool open) {
  DWORD before = 0;
  VirtualProtect(pages, bytes, open ? PAGE_READWRITE : PAGE_NOACCESS, &before);
}

#else

void* take_pages(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}
void give_pages(void* pages, size_t bytes) { munmap(pages, bytes); }
void set_pages_open(void* pages, size_t bytes, bool open) {
  mprotect(pages, bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

#endif

}  // namespace ipa_test
