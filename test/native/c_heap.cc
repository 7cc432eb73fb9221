#include "c_heap.h"

#include <algorithm>
#include <cstdlib>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

namespace c_heap {
namespace {
bool any(std::align_val_t alignment) { return alignment != std::align_val_t{}; }
}  // namespace

#if defined(_WIN32)

void* take(size_t bytes, std::align_val_t alignment) {
  return any(alignment) ? _aligned_malloc(bytes, static_cast<size_t>(alignment)) : std::malloc(bytes);
}

void give_back(void* memory, std::align_val_t alignment) {
  if (any(alignment))
    _aligned_free(memory);
  else
    std::free(memory);
}

int64_t size_of(void* memory, std::align_val_t alignment) {
  return static_cast<int64_t>(any(alignment) ? _aligned_msize(memory, static_cast<size_t>(alignment), 0)
                                             : _msize(memory));
}

#else

void* take(size_t bytes, std::align_val_t alignment) {
  if (!any(alignment)) return std::malloc(bytes);
  void* memory = nullptr;
  return posix_memalign(&memory, std::max(static_cast<size_t>(alignment), sizeof(void*)), bytes) == 0 ? memory
                                                                                                      : nullptr;
}

void give_back(void* memory, std::align_val_t) { std::free(memory); }

int64_t size_of(void* memory, std::align_val_t) {
#if defined(__APPLE__)
  return static_cast<int64_t>(malloc_size(memory));
#else
  return static_cast<int64_t>(malloc_usable_size(memory));
#endif
}

#endif

}  // namespace c_heap
