// Tells other weight formats from their first bytes, for error messages that name what a file really is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipa {

struct FileFormatSample {
  static constexpr size_t bytes = 512;  // enough for every format below (a tar's magic lies at 257)
};

// "a PyTorch file (zip)" and so on, with the way out;
// nullptr when it is nothing known. `size` bytes at `start`.
const char* describe_other_format(const uint8_t* start, size_t size);

// Whether `size` bytes at `start` begin a GGUF file.
bool is_gguf(const uint8_t* start, size_t size);

}  // namespace ipa
