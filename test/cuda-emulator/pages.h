// Memory of the system that costs nothing until it is touched.
#pragma once

#include <cstddef>

namespace cuda_emulator {

// Zeros. Ends the process where there are no addresses left.
void* reserve_pages(size_t bytes);
void release_pages(void* memory, size_t bytes);
// Zeros again, and whole pages go back to the system.
void clear_pages(void* memory, size_t bytes);

}  // namespace cuda_emulator
