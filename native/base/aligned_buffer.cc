#include "base/aligned_buffer.h"

#include <new>

#ifndef _WIN32
#include <sys/mman.h>
#endif

#include "base/windows.h"

namespace ipa {
namespace {

// From here on a buffer is worth pages of its own.
constexpr size_t paged_from = size_t{256} << 10;

uint8_t* map_pages(size_t bytes) {
#if defined(_WIN32)
  return static_cast<uint8_t*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
#else
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  // Fewer page faults and TLB misses where the system offers it; no matter where it does not.
  if (bytes >= size_t{4} << 20) madvise(pages, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<uint8_t*>(pages);
#endif
}

void unmap_pages(uint8_t* pages, size_t bytes) {
#if defined(_WIN32)
  (void)bytes;
  VirtualFree(pages, 0, MEM_RELEASE);
#else
  munmap(pages, bytes);
#endif
}

}  // namespace

uint8_t* AlignedBuffer::take(size_t bytes) {
  if (bytes >= paged_from) return map_pages(bytes);
  const size_t some = bytes == 0 ? alignment : bytes;
  return static_cast<uint8_t*>(::operator new(some, std::align_val_t(alignment), std::nothrow));
}

void AlignedBuffer::give(uint8_t* memory, size_t bytes) {
  if (bytes >= paged_from)
    unmap_pages(memory, bytes);
  else
    ::operator delete(memory, std::align_val_t(alignment));
}

}  // namespace ipa
