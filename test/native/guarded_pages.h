// Pages of memory that nobody reaches until they are opened: a touch at a wrong time is a crash.
#pragma once

#include <cstddef>

namespace ipa_test {

// Closed at first. `bytes` is rounded up to whole pages. Null where the system has none left.
void* take_pages(size_t bytes);
void give_pages(void* pages, size_t bytes);
void set_pages_open(void* pages, size_t bytes, bool open);

}  // namespace ipa_test
