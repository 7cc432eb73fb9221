// The heap of the C library, in the words of each system. An alignment of 0 is that of malloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace c_heap {

// Null where there is no memory.
void* take(size_t bytes, std::align_val_t alignment);
// With the alignment that it was taken with. Nothing for null.
void give_back(void* memory, std::align_val_t alignment);
// What an allocation really takes.
int64_t size_of(void* memory, std::align_val_t alignment);

}  // namespace c_heap
